"""All situations of the matrix, made by combining what is required, what the policy says and how sources fail."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from tests.support.priority_scenarios import CONDA, PYPI, Content, Fault, Package, Scenario

SCHEMA: Final = 'schema = "bridge-policy/1"\n'
CLAIM: Final = '[[claims]]\npackages = ["acme-core"]\nfrom = ["internal"]\n'
GLOB: Final = '[[claims]]\npackages = ["acme-*"]\nfrom = ["internal"]\n'


def source(name: str, trust: str, more: str = "", *, conda: bool = True, pypi: bool = True) -> str:
    """A table of a source, with the place of its address left open."""
    key = name.replace("-", "_")
    faces = (f'conda = "{{{key}}}/conda"\n' if conda else "") + (f'pypi = "{{{key}}}/simple"\n' if pypi else "")
    return f'[sources.{name}]\n{faces}trust = "{trust}"\n{more}'


def policy(*names: str, rules: str = "", head: str = "", **more: str) -> str:
    """A policy with sources in order; `more`: source -> further lines of its table."""
    trust = {"internal": "first-party", "public": "public"}
    listed = ", ".join(f'"{name}"' for name in names)
    tables = "".join(source(name, trust.get(name, "curated"), more.get(name.replace("-", "_"), "")) for name in names)
    return f"{SCHEMA}order = [{listed}]\n{head}{tables}{rules}"


#: what the company's index has, and what anybody has put on the public one.
INTERNAL: Final = (
    Package("acme-core", "1.0"),
    Package("shared", "1.0"),
    Package("onlyint", "1.0", ("shared>=2",)),
)
PUBLIC: Final = (
    Package("acme-core", "99.0"),
    Package("shared", "2.0"),
    Package("app", "1.0", ("acme-core",)),
    Package("bounded-app", "1.0", ("acme-core>=2",)),
    Package("deep", "1.0", ("app",)),
)
PARTNER: Final = (Package("acme-core", "50.0"),)
WORLD: Final[Mapping[str, Content]] = {"internal": Content(INTERNAL), "public": Content(PUBLIC)}
THREE: Final[Mapping[str, Content]] = {
    "internal": Content(INTERNAL), "partner": Content(PARTNER), "public": Content(PUBLIC)
}  # fmt: skip

#: how the contested name comes in.
REACHES: Final[Mapping[str, str]] = {
    "direct": "acme-core",
    "transitive": "app",
    "bounded root": "acme-core>=2",
    "bounded transitive": "bounded-app",
}


_SOME: Final = ("transitive", "bounded root")


@dataclass(frozen=True, slots=True)
class Stance:
    """What a policy says about the contested name."""

    policy: str
    sources: Mapping[str, Content]
    reaches: tuple[str, ...] = tuple(REACHES)


STANCES: Final[Mapping[str, Stance]] = {
    "order alone": Stance(policy("internal", "public"), WORLD),
    "claimed by name": Stance(policy("internal", "public", rules=CLAIM), WORLD, _SOME),
    "claimed by glob": Stance(policy("internal", "public", rules=GLOB), WORLD),
    "claimed-only source": Stance(
        policy("internal", "public", rules=GLOB, internal='role = "claimed-only"\n'), WORLD, _SOME
    ),
    "claimed by two": Stance(
        policy("internal", "partner", "public", rules=GLOB.replace('"internal"', '"internal", "partner"')), THREE
    ),
    "name against glob": Stance(
        policy("internal", "partner", "public", rules=GLOB.replace('"internal"', '"partner"') + CLAIM), THREE, _SOME
    ),
    "owner is the lowest": Stance(policy("public", "internal", rules=CLAIM), WORLD),
}  # fmt: skip


def scenarios() -> tuple[Scenario, ...]:
    """All of them, each with a name of its own."""
    found = (*_confusions(), *_outages(), *_absences(), *_files(), *_names(), *_rules())
    assert len({one.name for one in found}) == len(found)
    return found


def _confusions() -> Iterator[Scenario]:
    """The public source has a higher version of a name that is the company's."""
    for stance, means in STANCES.items():
        for reach in means.reaches:
            required = REACHES[reach]
            yield Scenario(f"{stance}, {reach}", means.sources, means.policy, (required,))


def _outages() -> Iterator[Scenario]:
    """The source that decides fails as a whole, while the public one has the name."""
    for fault in Fault:
        if fault is Fault.NONE:
            continue
        sources = {**WORLD, "internal": Content(INTERNAL, fault)}
        word = fault.value
        yield Scenario(f"owner {word}, claimed", sources, policy("internal", "public", rules=CLAIM), ("acme-core",))
        if fault in (Fault.UNAUTHORIZED, Fault.FORBIDDEN):
            continue
        yield Scenario(f"first source {word}, order alone", sources, policy("internal", "public"), ("shared",))
    # channels are read as a whole, so that one that fails stops everything; of an index only pages are asked
    sources = {**WORLD, "public": Content(PUBLIC, Fault.BROKEN)}
    yield Scenario("lower source 500, claimed", sources, policy("internal", "public", rules=CLAIM), ("acme-core",),
                   faces=PYPI)  # fmt: skip


def _absences() -> Iterator[Scenario]:
    """The owner does not have the name, and somebody else does."""
    taken = Content((*PUBLIC, Package("acme-new", "1.0"), Package("new-app", "1.0", ("acme-new",))))
    sources = {**WORLD, "public": taken}
    for reach, required in (("direct", "acme-new"), ("transitive", "new-app")):
        yield Scenario(f"absent at its owner, {reach}", sources, policy("internal", "public", rules=GLOB), (required,))
    yield Scenario("absent in the first source, order alone", sources, policy("internal", "public"), ("acme-new",))
    yield Scenario("nowhere", WORLD, policy("internal", "public", rules=GLOB), ("nobody-has-it",))
    yield Scenario("claimed-only source and a name nobody claims", WORLD,
                   STANCES["claimed-only source"].policy, ("shared",))  # fmt: skip
    faceless = SCHEMA + 'order = ["internal", "public"]\n' + source("internal", "first-party", pypi=False)
    yield Scenario("owner is a channel alone", WORLD, faceless + source("public", "public") + CLAIM, ("acme-core",),
                   faces=PYPI)  # fmt: skip
    yield Scenario("transitive name that was not listed", WORLD, policy("internal", "public", rules=GLOB), ("app",),
                   unlisted=frozenset({"acme-core"}))  # fmt: skip


def _files() -> Iterator[Scenario]:
    """What single files are like: bytes, variants, yanked ones, pre-releases, young ones."""
    two = policy("internal", "public")
    claimed = policy("internal", "public", rules=GLOB)
    same = {**WORLD, "public": Content((Package("acme-core", "1.0"), *PUBLIC[1:]))}
    yield Scenario("same file name with other bytes, transitive", same, claimed, ("app",))
    yield Scenario("same file name with other bytes, order alone", same, two, ("acme-core",))
    variant = {**WORLD, "public": Content((*PUBLIC, Package("shared", "1.0", label="cu12")))}
    yield Scenario("variant in the lower source alone", variant, two, ("shared<2",))
    yanked = {"internal": Content((Package("acme-core", "2.0", yanked=True), *INTERNAL)), "public": Content(PUBLIC)}
    yield Scenario("yanked at its owner", yanked, claimed, ("acme-core",), faces=PYPI)
    early = {**WORLD, "public": Content((Package("shared", "2.0rc1"), Package("preview-app", "1.0", ("shared",))))}
    yield Scenario("pre-release in the lower source", early, two, ("preview-app",))
    rc = {"internal": Content((Package("acme-core", "1.0rc1"),)), "public": Content(PUBLIC)}
    yield Scenario("pre-release at its owner alone", rc, claimed, ("acme-core",))
    young = {**WORLD, "public": Content((*PUBLIC, Package("fresh", "1.0"), Package("fresh", "2.0", age=1)))}
    aged = policy("internal", "public", rules=GLOB, public='min-age = "7d"\n')
    yield Scenario("young in a source with a minimum age", young, aged, ("fresh",))
    yield Scenario("young in a source with a minimum age, bounded", young, aged, ("fresh>=2",))
    extra = Content((*INTERNAL, Package("acme-gpu", "1.0")))
    kit = Package("kit", "1.0", ('acme-gpu; extra == "gpu"',))
    offering = Content((*PUBLIC, kit, Package("acme-gpu", "99.0")))
    yield Scenario("by an extra", {"internal": extra, "public": offering}, claimed, ("kit[gpu]",), faces=PYPI)


def _names() -> Iterator[Scenario]:
    """One package, several spellings and names."""
    spelt = {
        "internal": Content((Package("Acme_Core", "1.0", faces=PYPI), Package("acme_core", "1.0", faces=CONDA))),
        "public": Content((
            Package("acme.core", "99.0", faces=PYPI), Package("acme_core", "99.0", faces=CONDA),
            Package("app", "1.0", ("ACME_Core",)),
        )),
    }  # fmt: skip
    claimed = policy("internal", "public", rules=GLOB)
    yield Scenario("other spelling, direct", spelt, claimed, ("Acme.Core",), conda_required=("acme_core",))
    yield Scenario("other spelling, transitive", spelt, claimed, ("app",))
    torch = {
        "internal": Content((Package("torch", "1.0", faces=PYPI), Package("pytorch", "1.0", faces=CONDA))),
        "public": Content((
            Package("torch", "99.0"), Package("pytorch", "99.0"), Package("net", "1.0", ("torch",), PYPI),
            Package("net", "1.0", ("pytorch",), CONDA),
        )),
    }  # fmt: skip
    mapped = policy(
        "internal", "public",
        rules='[[claims]]\npackages = ["torch"]\nfrom = ["internal"]\n[names]\npytorch = "torch"\n',
    )  # fmt: skip
    yield Scenario("claimed under its name in the other ecosystem, direct", torch, mapped, ("torch",),
                   conda_required=("pytorch",))  # fmt: skip
    yield Scenario("claimed under its name in the other ecosystem, transitive", torch, mapped, ("net",))
    owned = mapped.replace('packages = ["torch"]', 'packages = ["pytorch"]')
    yield Scenario("claimed under its channel's name", torch, owned, ("torch",), conda_required=("pytorch",))
    yield Scenario("the project that has a channel's name", torch, mapped, ("pytorch",), faces=PYPI)


def _rules() -> Iterator[Scenario]:
    """Further rules of policies."""
    for word, where in (("holds", "os_name != 'none'"), ("does not hold", "os_name == 'none'")):
        rule = CLAIM + f'when = "{where}"\n'
        low = policy("public", "internal", rules=rule)
        for reach in ("direct", "transitive") if word == "holds" else ("direct",):
            yield Scenario(f"claim that {word} here, {reach}", WORLD, low, (REACHES[reach],))
    labelled = {"internal": Content(INTERNAL), "internal-label-dev": Content((Package("acme-core", "2.0.dev1"),)),
                "public": Content(PUBLIC)}  # fmt: skip
    label = policy("internal", "internal-label-dev", "public", rules=CLAIM)
    yield Scenario("label beside its channel", labelled, label, ("acme-core",), faces=CONDA)
    yield Scenario("label beside its channel, bounded", labelled, label, ("acme-core>=2.0.dev1",), faces=CONDA)
    yield Scenario("three sources, order alone", THREE, policy("internal", "partner", "public"), ("acme-core>=2",))
    yield Scenario("what the company's package requires", WORLD,
                   policy("internal", "public", rules='[[claims]]\npackages = ["only*"]\nfrom = ["internal"]\n'),
                   ("onlyint",))  # fmt: skip
    yield Scenario("three steps away", WORLD, policy("internal", "public", rules=CLAIM), ("deep",))
    for word in ("first-match", "best-match"):
        head = f'default = "{word}"\n'
        for required in ("shared", "shared>=2") if word == "first-match" else ("shared",):
            yield Scenario(f"{word}, {required}", WORLD, policy("internal", "public", head=head), (required,))
    copied = {**WORLD, "mirror": Content((*INTERNAL,))}
    mirrored = policy(
        "internal", "public", rules=source("mirror", "first-party", 'role = "mirror-of:internal"\n') + CLAIM
    )
    yield Scenario("mirror of the owner", copied, mirrored, ("acme-core",))
    # a mirror answers only for what it has, so that nobody decides about other names: that may not stop everything
    down = {**copied, "internal": Content(INTERNAL, Fault.REFUSED)}
    warned = mirrored.replace("order =", 'on-unreachable = "warn"\norder =')
    yield Scenario("mirror of an owner that is down", down, warned, ("acme-core",))
