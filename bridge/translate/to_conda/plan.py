"""The full decision about the conda packages of one wheel: a pure function from what was read to plans."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bridge.errors import Code, InvalidInput, Unrepresentable
from bridge.formats.conda.identifiers import parse_filename
from bridge.mapping.conda_target import CondaTarget
from bridge.mapping.licenses import conda_license
from bridge.mapping.target_requirements import TargetRequirements, target_requirements
from bridge.mapping.variant_rank import STEP
from bridge.mapping.variant_terms import VariantTerms
from bridge.mapping.versions import to_conda
from bridge.mapping.wheel_targets import natives_of, wheel_targets
from bridge.model.conda import CondaIdentity, CondaName
from bridge.model.conda_plan import ABOUT_KEY, CondaPlan, MadeInfo
from bridge.model.plan import Loss, Variant
from bridge.translate.to_conda.about import about_fields, license_files
from bridge.translate.to_conda.build_string import build_string
from bridge.translate.to_conda.files import place_files, programs_of
from bridge.translate.to_conda.hostile import finding_losses
from bridge.translate.to_conda.index import IndexFields, link_document
from bridge.translate.to_conda.natives import native_rows
from bridge.translate.to_conda.provenance import about_extra
from bridge.translate.to_conda.request import CondaRequest
from bridge.translate.to_conda.restored import left_behind, restored_plan
from bridge.translate.to_conda.variant import variant_terms


def plan_conda(request: CondaRequest) -> tuple[CondaPlan, ...]:
    """Decide everything about the conda packages that `request` becomes.

    A wheel that the bridge made of a conda package becomes that package again, where its layout leads back.

    Returns:
        One plan for each package, of different file names or subdirs; several where one package cannot say what
        depends on Python, the system or the machine. Plans whose payload is the same follow each other.

    Raises:
        Unsupported: nothing that conda installs runs what the wheel is for (`CB3xx`).
        Unrepresentable: the wheel says what a conda package cannot say and must not lose (`CB3xx`).
        InvalidInput: something in the wheel turned out to be malformed (`CB1xx`).
    """
    restored = restored_plan(request)
    return _Planner(request).plans() if restored is None else (restored,)


@dataclass(frozen=True, slots=True)
class _Shared:
    """What all packages of the wheel have in common."""

    name: CondaName
    license: str | None
    license_files: Mapping[str, bytes]
    terms: VariantTerms | None
    losses: tuple[Loss, ...]


class _Planner:
    def __init__(self, request: CondaRequest) -> None:
        self._request = request
        self._subject = request.origin.filename
        self._core = request.metadata.core

    def plans(self) -> tuple[CondaPlan, ...]:
        request = self._request
        shared = self._shared()
        answer = wheel_targets(
            request.filename.tags,
            self._core.requires_python,
            natives_of(request.survey.survey),
            has_programs=bool(programs_of(request)),
            subject=self._subject,
        )
        plans: list[CondaPlan] = []
        for target in answer.targets:
            requirements = target_requirements(
                target,
                self._core.requires_dist,
                request.names,
                extras=self._core.provides_extra,
                conditional=request.options.conditional,
                subject=self._subject,
                project=self._core.normalized_name,
            )
            plans.extend(
                self._plan(each, shared, (*shared.losses, *answer.losses, *each.losses)) for each in requirements
            )
        self._check_distinct(plans)
        return tuple(plans)

    def _shared(self) -> _Shared:
        core = self._core
        name = self._request.names.own(core.name)
        if name.conda is None:
            raise Unrepresentable(Code.NAME_REFUSED, name.question, subject=self._subject, field="Name")
        license = conda_license(core.license_expression, core.classifiers, core.license)  # noqa: A001 - the field
        losses = [*left_behind(self._request), *finding_losses(self._request)]
        if license is None and (core.license or "").strip():
            losses.append(Loss(Code.LICENSE_TEXT, "License", "the field is a text, which index.json has no room for"))
        terms = variant_terms(self._request)
        return _Shared(
            name=name.conda,
            license=license,
            license_files=license_files(self._request),
            terms=terms,
            losses=(*losses, *(() if terms is None else terms.losses)),
        )

    def _plan(self, requirements: TargetRequirements, shared: _Shared, losses: tuple[Loss, ...]) -> CondaPlan:
        request, target, terms = self._request, requirements.target, shared.terms
        placed = place_files(request, target)
        losses = tuple(dict.fromkeys((*losses, *placed.losses)))
        extra = about_extra(request, placed.files, losses)
        if extra[ABOUT_KEY]["restore"] is None:
            losses += (Loss(Code.NO_WAY_BACK, self._subject, "a file of the wheel is not in the package"),)
            extra = about_extra(request, placed.files, losses)
        number, identity = self._identity(target, shared)
        index = IndexFields(
            identity=identity,
            build_number=number,
            subdir=target.subdir,
            noarch_python=target.linked,
            depends=(*requirements.specs, *(() if terms is None else terms.depends)),
            extra_depends=requirements.extra_specs,
            flags=() if terms is None else tuple(terms.flags),
            track_features=() if terms is None else tuple(terms.track_features),
            license=shared.license,
            uses_v3=requirements.uses_v3 or (terms is not None and bool(terms.flags)),
        ).document()
        about = about_fields(self._core, shared.license, shared.license_files)
        info = MadeInfo(
            index=index,
            about={**about, "extra": extra},
            link=link_document(placed.entry_points) if target.linked else None,
            files=shared.license_files,
        )
        return CondaPlan(
            origin=request.origin,
            identity=identity,
            subdir=target.subdir,
            info=info,
            files=placed.files,
            losses=losses,
            depends=tuple(index["depends"]),
            format=request.options.format,
            entry_points=request.metadata.entry_points,
            native_files=native_rows(request),
            variant=variant_of(request),
            preference=target.preference,
        )

    def _identity(self, target: CondaTarget, shared: _Shared) -> tuple[int, CondaIdentity]:
        stated, terms = self._request.filename, shared.terms
        number, rest = stated.build or (0, "")
        if terms is not None:
            # A build tag decides between wheels of one label, never between labels.
            number = terms.build_offset + min(number, STEP - 1)
        variant = None if terms is None else terms.label
        parts = (target.label, self._core.version.local, variant, target.split, rest)
        identity = CondaIdentity(shared.name, to_conda(self._core.version), build_string(parts, number))
        try:
            parse_filename(f"{identity.stem}{self._request.options.format.value}")
        except InvalidInput as error:
            raise Unrepresentable(
                Code.CONDA_IDENTIFIER, error.message, subject=self._subject, field=identity.stem
            ) from error
        return number, identity

    def _check_distinct(self, plans: Sequence[CondaPlan]) -> None:
        seen: set[tuple[str, str]] = set()
        for plan in plans:
            if (plan.subdir, plan.filename) in seen:
                raise AssertionError(f"two packages of one wheel are called {plan.subdir}/{plan.filename}")
            seen.add((plan.subdir, plan.filename))


def variant_of(request: CondaRequest) -> Variant | None:
    """Which variant of its release the wheel is (PEP 825)."""
    label, variant = request.metadata.label, request.metadata.variant
    if label is None or variant is None:
        return None
    return Variant(label, tuple(sorted(map(str, variant.variants[label]))))
