"""The policy for conda and mamba: what the files say, what is not kept, and that readers find nothing unknown."""

from __future__ import annotations

import pytest
import yaml
from ruamel.yaml import YAML

from bridge.errors import Code, InvalidInput
from bridge.priority.compile_conda import compile_conda
from bridge.priority.compile_mamba import compile_mamba
from bridge.priority.context import CompileContext, OverlayUrls
from bridge.priority.policy import SourceName
from bridge.priority.report import Compiled, Rule, RuleReport, Verdict
from tests.support.channel_policies import OVERLAYS, policy

#: of conda's base/context.py, as far as they are written.
CONDA_KEYS = {
    "channels",
    "channel_priority",
    "allowlist_channels",
    "channel_settings",
    "override_virtual_packages",
}
#: of libmamba's configuration.
MAMBA_KEYS = {"channels", "channel_priority", "mirrored_channels"}


def text(compiled: Compiled) -> str:
    (file,) = compiled.files
    assert not file.standalone
    # Two readers of different versions of YAML agree.
    assert yaml.safe_load(file.text) == YAML(typ="safe", pure=True).load(file.text)
    return file.text


def row(compiled: Compiled, rule: Rule, subject: str) -> RuleReport:
    (found,) = [entry for entry in compiled.report if (entry.rule, entry.subject) == (rule, subject)]
    return found


def test_condarc() -> None:
    said = yaml.safe_load(text(compile_conda(policy(), CompileContext())))
    channels = ["https://conda.example/acme", "https://conda.example/forge"]
    assert said == {
        "channels": channels,
        "channel_priority": "strict",
        "allowlist_channels": channels,
        "channel_settings": [{"channel": "https://conda.example/forge", "exclude_newer": "7d"}],
        "override_virtual_packages": {"cuda": "12.8", "glibc": "2.28"},
    }
    assert said.keys() <= CONDA_KEYS


def test_condarc_with_overlays() -> None:
    compiled = compile_conda(policy(), CompileContext(overlays=OVERLAYS))
    said = yaml.safe_load(text(compiled))
    assert said["channels"] == said["allowlist_channels"] == list(OVERLAYS.conda.values())
    assert "channel_settings" not in said
    for rule in (Rule.ORDER, Rule.CLAIM_DIRECT, Rule.CLAIM_TRANSITIVE, Rule.MIN_AGE, Rule.VARIANT, Rule.CLOSED):
        assert all(entry.verdict is Verdict.EXACT for entry in compiled.report if entry.rule is rule), rule


def test_mambarc() -> None:
    compiled = compile_mamba(policy(), CompileContext())
    said = yaml.safe_load(text(compiled))
    assert said == {
        "channels": ["internal", "https://conda.example/forge"],
        "channel_priority": "strict",
        "mirrored_channels": {"internal": ["https://conda.example/acme", "https://mirror.example/acme"]},
    }
    assert said.keys() <= MAMBA_KEYS
    assert row(compiled, Rule.CLOSED, "policy").code is Code.CHANNEL_SETTING
    assert row(compiled, Rule.SYSTEM, "cuda=12.8").advice == "set CONDA_OVERRIDE_CUDA=12.8"


@pytest.mark.parametrize(("word", "priority"), [("first-match", "flexible"), ("best-match", "disabled")])
def test_other_semantics(word: str, priority: str) -> None:
    compiled = compile_conda(policy(('"strict"', f'"{word}"')), CompileContext())
    assert yaml.safe_load(text(compiled))["channel_priority"] == priority
    assert row(compiled, Rule.ORDER, "policy").verdict is Verdict.EXACT
    assert row(compiled, Rule.CLAIM_DIRECT, "acme-*").code is Code.CHANNEL_CLAIM


def test_what_the_order_keeps_of_claims() -> None:
    compiled = compile_conda(policy(), CompileContext())
    first = row(compiled, Rule.CLAIM_TRANSITIVE, "acme-*")
    assert (first.verdict, first.code, first.first_party) == (Verdict.WEAKER, Code.CHANNEL_CLAIM, True)
    # Whoever has no channel cannot be the only one to provide a name.
    nobody = row(compiled, Rule.CLAIM_DIRECT, "torch")
    assert (nobody.verdict, nobody.code, nobody.first_party) == (Verdict.IMPOSSIBLE, Code.HIDDEN_OWNER, False)
    lower = policy(('["internal", "gpu", "forge", "pypi"]', '["forge", "internal", "gpu", "pypi"]'))
    hidden = row(compile_conda(lower, CompileContext()), Rule.CLAIM_DIRECT, "acme-*")
    assert (hidden.verdict, hidden.code) == (Verdict.WEAKER, Code.HIDDEN_OWNER)
    assert hidden.detail.startswith("forge above internal ")


def test_a_claim_of_all_channels_is_kept() -> None:
    alone = policy(('conda = "https://conda.example/forge"\n', 'pypi = "https://x.example/simple"\n'))
    assert row(compile_conda(alone, CompileContext()), Rule.CLAIM_DIRECT, "acme-*").verdict is Verdict.EXACT


def test_overlays_of_some_channels_only_are_refused() -> None:
    overlays = OverlayUrls({SourceName("internal"): "https://policy.example/conda/internal"})
    with pytest.raises(InvalidInput, match="no overlay channel is given for forge"):
        compile_conda(policy(), CompileContext(overlays=overlays))


@pytest.mark.parametrize(
    "address", ["https://user:secret@h.example/c", "https://h.example/t/secret/c", "c", "https://h/$X"]
)
def test_addresses_that_hold_secrets_or_mean_something_else_are_refused(address: str) -> None:
    overlays = OverlayUrls({**OVERLAYS.conda, SourceName("internal"): address})
    with pytest.raises(InvalidInput) as caught:
        compile_conda(policy(), CompileContext(overlays=overlays))
    assert "secret" not in str(caught.value).replace("without secrets", "")


def test_no_channels_give_no_file() -> None:
    changes = [
        ('conda = "https://conda.example/acme"\n', ""),
        ('conda = "https://mirror.example/acme"\n', ""),
        ('conda = "https://conda.example/forge"\n', 'pypi = "https://x.example/simple"\n'),
    ]
    for compiler in (compile_conda, compile_mamba):
        assert compiler(policy(*changes), CompileContext()).files == ()
