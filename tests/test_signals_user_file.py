"""Own features: one decorated function in a user's file, found by run and prove, and by nothing that did not ask."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pandas as pd
import pytest

from core.errors import RunError
from signals import FEATURE_SETS, compute_features, feature, feature_table, register_feature_set
from signals.features import Computing
from signals.features.user_features import load_features
from strategy.definitions.spec import load_spec, override
from strategy.frozen.freeze import _check_run
from strategy.frozen.versions import Version
from strategy.proofs import PipelineUnderTest, ProveOptions, prove
from strategy.runs.proof_file import Proof
from strategy.runs.provenance import code_fingerprint
from strategy.trials.trial_record import CHAIN_FILE
from tests.oracles.signal_panels import random_panel
from tests.oracles.small_runs import assignments, long_bars, quintile, refusal, small_market

PAGE = Path(__file__).parent.parent / "docs" / "features.md"
FILE, SESSION = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
PEEK = FILE.replace("panel.close.shift(1)", "panel.close.shift(-1)")


@pytest.fixture(autouse=True)
def _nothing_stays() -> Iterator[None]:
    modules = set(sys.modules)
    yield
    for name in set(sys.modules) - modules:
        if "features" in name and name.startswith("my_"):
            del sys.modules[name]


def written(folder: Path, text: str = FILE, name: str = "my_features.py") -> Path:
    (folder / name).write_text(text, encoding="utf-8")
    return folder / name


def proof_of(feature_set: str) -> Proof:
    panel = random_panel(n_sessions=120, n_tickers=12)
    pipeline = PipelineUnderTest(
        name="mine",
        features=lambda panel: compute_features(panel, feature_set),
        scores=lambda features, panel, sessions: -features["gap"].loc[sessions],
        weights=lambda scores, panel: scores.reindex(panel.sessions).rank(axis=1, pct=True) - 0.5,
        first_decision=panel.sessions[40],
    )
    return prove(pipeline, panel, options=ProveOptions(sessions=3))


def test_the_pages_file_makes_a_set_with_its_feature(tmp_path: Path) -> None:
    assert load_features(written(tmp_path)) == "my_features"
    panel = random_panel()
    features = compute_features(panel, "my_features", computing=Computing(gap_limit=0))
    assert list(features) == [*(member.name for member in FEATURE_SETS["core14"]), "gap"]
    pd.testing.assert_frame_equal(features["gap"], panel.open / panel.close.shift(1) - 1.0)
    assert feature_table("my_features").loc["gap", "definition"] == "Open ÷ previous close − 1"


def test_the_pages_session_runs_and_proves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    load_features(written(tmp_path))
    long_bars(random_panel(n_sessions=120, n_tickers=12)).to_parquet(tmp_path / "bars.parquet")
    monkeypatch.chdir(tmp_path)
    exec(SESSION, {})
    assert "PASS" in capsys.readouterr().out


def test_prove_tells_an_honest_feature_from_one_that_peeks(tmp_path: Path) -> None:
    load_features(written(tmp_path))
    assert proof_of("my_features").verdict == "PASS"
    load_features(written(tmp_path, PEEK, "my_peeking_features.py"))
    proof = proof_of("my_peeking_features")
    assert proof.verdict == "FAIL"
    assert proof.first_finding is not None
    assert (proof.first_finding.stage, proof.first_finding.column) == ("features", "gap")


def test_without_a_list_every_decorated_function_is_in_the_set(tmp_path: Path) -> None:
    load_features(written(tmp_path, FILE.replace("FEATURES =", "OTHERS =")))
    assert [member.name for member in FEATURE_SETS["my_features"]] == ["gap"]


def test_another_source_is_another_code_fingerprint(tmp_path: Path) -> None:
    bare = code_fingerprint()
    load_features(written(tmp_path))
    first = code_fingerprint()
    load_features(written(tmp_path, FILE + "\n"))
    assert len({bare, first, code_fingerprint()}) == 3
    load_features(written(tmp_path, FILE))
    assert code_fingerprint() == first


def test_a_set_of_shipped_features_changes_no_fingerprint() -> None:
    before = code_fingerprint()
    register_feature_set("short", FEATURE_SETS["core14"][:3])
    assert code_fingerprint() == before
    assert list(compute_features(random_panel(), "short")) == ["ret_1d", "ret_5d", "ret_20d"]


@pytest.mark.parametrize("name", ["core14", "Mine", "my set", ""])
def test_taken_and_unusable_names_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="cannot name your feature set"):
        register_feature_set(name, FEATURE_SETS["core14"][:1])


def test_what_is_no_feature_is_refused() -> None:
    member = FEATURE_SETS["core14"][0]
    with pytest.raises(ValueError, match="must hold features, was given function: decorate"):
        register_feature_set("mine", [member.formula])  # type: ignore[list-item]
    with pytest.raises(ValueError, match="was given nothing"):
        register_feature_set("mine", [])
    with pytest.raises(ValueError, match=r"holds \['ret_1d'\] more than once"):
        register_feature_set("mine", [member, member])


def test_a_function_without_a_source_is_refused() -> None:
    typed = ModuleType("typed")
    exec("def typed(panel):\n    'Close of the session.'\n    return panel.close.to_numpy()", vars(typed))
    with pytest.raises(ValueError, match="feature typed has no source: write it into a file"):
        register_feature_set("mine", [feature(group="price", warm_up=0)(typed.typed)])


def test_files_that_cannot_be_used_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="is no Python file"):
        load_features(tmp_path / "absent.py")
    with pytest.raises(ValueError, match=r"my_features\.py failed in line 1: ZeroDivisionError"):
        load_features(written(tmp_path, "1 / 0"))
    with pytest.raises(ValueError, match=r"my_features\.py failed: SyntaxError"):
        load_features(written(tmp_path, "def"))
    with pytest.raises(ValueError, match="was given nothing"):
        load_features(written(tmp_path, "x = 1"))
    with pytest.raises(ValueError, match="has the name of a module that is loaded already"):
        load_features(written(tmp_path, FILE, "json.py"))


def test_a_strategy_file_names_a_set_and_runs_no_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    written(tmp_path)
    strategy = tmp_path / "mine.toml"
    strategy.write_text(override(load_spec(), ['features.set="my_features"']).to_toml(), encoding="utf-8")
    assert load_spec(strategy).features.set == "my_features"
    with pytest.raises(ValueError, match="was 'my_features': a set of your own is known once its file is loaded"):
        compute_features(random_panel(), load_spec(strategy).features.set)
    assert "my_features" not in sys.modules


def test_a_run_of_an_own_set_cannot_be_frozen(tmp_path: Path) -> None:
    load_features(written(tmp_path))
    for name in ("model.json", CHAIN_FILE):
        (tmp_path / name).touch()
    record = {"strategy": "filter_negative", "identity": {"code": code_fingerprint()}}
    spec = override(load_spec(), ['features.set="my_features"'])
    run = SimpleNamespace(is_complete=True, path=tmp_path, record=record, spec=spec, run_id="20261121")
    with pytest.raises(RunError, match="20261121 cannot be frozen: its feature set is your own"):
        _check_run(run, Version.parse("filter_negative@9.0.0"))  # type: ignore[arg-type]


@pytest.mark.slow
def test_a_run_with_an_own_set_is_proved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    long_bars(small_market().panel).to_parquet("bars.parquet")
    own = ("--features", written(tmp_path))
    words = ("--bars", "bars.parquet", *assignments(), "--set", "features.set=my_features", "--quiet")
    quintile(*own, "run", "filter_negative", *words, monkeypatch=monkeypatch, capsys=capsys)
    told = quintile(*own, "prove", "latest", "--quiet", monkeypatch=monkeypatch, capsys=capsys)
    assert "PASS" in told
    freeze = ("freeze", "latest", "--as", "filter_negative@9.0.0", "--versions", tmp_path / "versions")
    told = refusal(*own, *freeze, monkeypatch=monkeypatch, capsys=capsys)
    assert "feature set is your own" in told


@pytest.mark.slow
def test_a_run_and_its_proof_with_wide95(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    spec = override(load_spec(), ['features.set="wide95"'])
    assert spec.fingerprint() != load_spec().fingerprint()
    long_bars(small_market(900).panel).to_parquet("bars.parquet")
    words = ("--bars", "bars.parquet", *assignments(), "--set", "features.set=wide95", "--quiet")
    quintile("run", "filter_negative", *words, monkeypatch=monkeypatch, capsys=capsys)
    assert "PASS" in quintile("prove", "latest", "--quiet", monkeypatch=monkeypatch, capsys=capsys)
