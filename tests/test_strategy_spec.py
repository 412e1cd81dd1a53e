"""Spec: what a strategy file may say, and what its fingerprint depends on."""

import json
from pathlib import Path
from typing import Annotated

import pytest
import tomli_w
from pydantic import Field, ValidationError

from core.settings import Formerly, Later, Settings
from market.holdout import HoldoutSettings
from portfolio.book_settings import OptimizerSettings
from strategy.definitions.spec import StrategySpec, load_spec, override, shipped_strategies
from strategy.frozen.versions import SHIPPED


@pytest.mark.parametrize("name", shipped_strategies())
def test_a_shipped_strategy_survives_the_trip_through_toml(name: str, tmp_path: Path) -> None:
    spec = load_spec(name)
    written = tmp_path / "mine.toml"
    written.write_text(spec.to_toml(), encoding="utf-8")
    assert load_spec(written) == spec
    assert load_spec(written).fingerprint() == spec.fingerprint()


BOOKS = {"filter_negative", "quintile_long_short"}
CONFIGURATIONS = {
    "lstm_conservative": ("alstm", 64, 2, 0.1, 0.005, 10, 60),
    "lstm_optimized": ("alstm", 128, 3, 0.05, 0.01, 15, 60),
    "lstm_aggressive": ("alstm", 256, 3, 0.15, 0.02, 20, 60),
    "lstm_wide": ("lstm", 256, 3, 0.3, 1e-4, 15, 90),
}


def test_the_books_and_the_configurations_of_the_references_are_shipped() -> None:
    assert {*BOOKS, *CONFIGURATIONS} <= set(shipped_strategies())
    for name, wanted in CONFIGURATIONS.items():
        spec = load_spec(name)
        model, training = spec.model, spec.training
        found = (model.kind, model.hidden, model.layers, model.dropout, training.learning_rate, training.patience)
        assert (*found, model.lookback) == wanted
        assert training.max_epochs == 100


def test_a_shipped_model_has_the_book_of_a_shipped_book_and_is_no_companion() -> None:
    for name in shipped_strategies():
        spec = load_spec(name)
        assert spec.portfolio == load_spec(spec.portfolio.builder).portfolio
        assert set(spec.rules.companions) == BOOKS - {spec.portfolio.builder}


KNOWN = {
    "filter_negative": "5e6e3033b03875d769fb4d6f09128220e2872e7afe92a8f907817e42299f9196",
    "quintile_long_short": "c6d3388355897a9be3e94fd8d0087ca7647cc9ab62a7eb047b733458cc2d7192",
}


AS_BEFORE = ["features.windows=sessions", "execution.no_volume=fills", "portfolio.dust=0.0"]


@pytest.mark.parametrize("name", list(KNOWN))
def test_a_shipped_strategy_with_the_former_rules_has_the_fingerprint_it_was_frozen_with(name: str) -> None:
    assert load_spec(name).fingerprint() != KNOWN[name]
    spec = override(load_spec(name), AS_BEFORE)
    assert spec.fingerprint() == KNOWN[name]
    assert override(spec, ["label.horizon=1", "label.kind=return"]).fingerprint() == KNOWN[name]
    assert "label" not in spec.sections()


def test_a_label_of_its_own_moves_the_fingerprint_and_is_shown() -> None:
    spec = override(load_spec(), ["label.horizon=5"])
    assert spec.fingerprint() != load_spec().fingerprint()
    assert spec.sections()["label"] == {"horizon": 5, "kind": "return"}


def test_every_number_of_a_spec_moves_the_fingerprint() -> None:
    spec = load_spec()
    changes = ["model.hidden=64", "loss.temperature=0.1", "portfolio.k=0.1", "costs.trade_bps=6", "training.seed=2"]
    prints = {override(spec, [change]).fingerprint() for change in changes} | {spec.fingerprint()}
    assert len(prints) == len(changes) + 1


def test_words_for_people_do_not_move_the_fingerprint() -> None:
    spec = load_spec()
    assert override(spec, ["title=Another title"]).fingerprint() == spec.fingerprint()


def test_an_override_reads_numbers_and_words() -> None:
    spec = override(load_spec(), ["model.hidden=64", "portfolio.k=12", "execution.fill=next_close"])
    assert (spec.model.hidden, spec.portfolio.k, spec.execution.fill) == (64, 12, "next_close")


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("model.hiden=64", "unknown key model.hiden"),
        ("model.hidden", "is not an assignment"),
        ("name.first=x", "holds no section"),
        ("loss.temperature=0", "loss.temperature"),
        ("portfolio.k=-1", "portfolio: k as a count must be at least 1"),
        ("model.hidden=many", "was 'many'"),
    ],
)
def test_a_wrong_override_is_told_with_the_key(assignment: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        override(load_spec(), [assignment])


def test_an_unknown_strategy_names_those_there_are() -> None:
    with pytest.raises(ValueError, match="filter_negative"):
        load_spec("filter_positive")


@pytest.mark.parametrize(
    "content", [b"name = ", b"\xff\xfe", b'name = "../escape"\ntitle = "t"', b'name = "a"\ntitle = "a\\nb"']
)
def test_a_broken_strategy_file_is_one_clear_line(content: bytes, tmp_path: Path) -> None:
    broken = tmp_path / "broken.toml"
    broken.write_bytes(content)
    with pytest.raises(ValueError, match=r"broken\.toml"):
        load_spec(broken)


def test_every_key_of_a_spec_says_what_it_means() -> None:
    spec = StrategySpec(name="any", title="any")
    sections = [type(value) for _, value in spec if isinstance(value, Settings)]
    described = {
        f"{section.__name__}.{key}": field.description
        for section in (*sections, OptimizerSettings, HoldoutSettings)
        for key, field in section.model_fields.items()
        if key != "optimizer"
    }
    assert len(described) > 80
    assert [key for key, words in described.items() if not words] == []


def test_a_later_key_decides_nothing_until_it_leaves_its_default() -> None:
    class Inner(Settings):
        old: int = 1
        fee: Later[float] = Field(default=0.0, ge=0)

    class Outer(Settings):
        inner: Inner = Inner()
        seal: Later[Inner | None] = None

    assert Outer().deciding() == {"inner": {"old": 1}}
    assert Outer(inner=Inner(fee=2.0), seal=Inner()).deciding() == {
        "inner": {"old": 1, "fee": 2.0},
        "seal": {"old": 1},
    }


class Inside(Settings):
    old: int = 1
    rule: Annotated[str, Formerly("was")] = "is"


class Outside(Settings):
    name: str
    inside: Inside = Inside()
    limit: Annotated[int | None, Formerly(None)] = 3


def test_a_record_without_a_key_has_what_was_done_before_and_a_file_the_default() -> None:
    assert Outside.recorded({"name": "x"}) == Outside(name="x", inside=Inside(rule="was"), limit=None)
    assert Outside.recorded({"name": "x", "inside": {"old": 2}}).inside == Inside(old=2, rule="was")
    assert Outside.recorded({"name": "x", "inside": {"rule": "is"}, "limit": 3}) == Outside(name="x")
    assert Outside.model_validate({"name": "x"}) == Outside(name="x", inside=Inside(rule="is"), limit=3)
    with pytest.raises(ValidationError):
        Outside.recorded({"name": "x", "unknown": 1})
    with pytest.raises(ValidationError):
        Outside.recorded(None)


def test_what_was_done_before_is_left_out_of_the_fingerprint_and_the_default_is_not() -> None:
    assert Outside.recorded({"name": "x"}).deciding() == {"name": "x", "inside": {"old": 1}}
    assert Outside(name="x").deciding() == {"name": "x", "inside": {"old": 1, "rule": "is"}, "limit": 3}


@pytest.mark.parametrize("beside", ["run.json", "lock.json"])
def test_the_spec_of_a_run_or_version_keeps_the_rules_it_was_made_with(beside: str, tmp_path: Path) -> None:
    numbers = load_spec().model_dump(mode="json", exclude_none=True)
    for section, key in (("features", "windows"), ("execution", "no_volume"), ("portfolio", "dust")):
        del numbers[section][key]
    path = tmp_path / "spec.toml"
    path.write_text(tomli_w.dumps(numbers), encoding="utf-8")
    assert load_spec(path) == load_spec()
    (tmp_path / beside).write_text("{}", encoding="utf-8")
    assert load_spec(path) == override(load_spec(), AS_BEFORE)
    path.write_text(load_spec().to_toml(), encoding="utf-8")  # written since: it says which rule
    assert load_spec(path) == load_spec()


@pytest.mark.parametrize("version", sorted(SHIPPED.glob("*/[0-9]*.[0-9]*.[0-9]")), ids=lambda path: path.name)
def test_frozen_specs_keep_their_fingerprints(version: Path) -> None:
    spec = load_spec(version / "spec.toml")
    assert spec.fingerprint() == json.loads((version / "lock.json").read_text())["body"]["spec"]["resolved"]
    assert "windows" not in spec.sections()["features"]


def test_another_kind_of_model_begins_with_its_own_defaults() -> None:
    spec = override(load_spec(), ["model.hidden=7", "model.lookback=30", "loss.temperature=0.2", "training.seed=5"])
    gru = override(spec, ["model.hidden=9", "model.kind=gru"])
    assert gru.model.model_dump() == {
        "kind": "gru", "lookback": 30, "heads": ("score",), "hidden": 9, "layers": 2, "dropout": 0.2,
        "scoring": "exact",
    }  # fmt: skip
    assert gru.loss == spec.loss
    ridge = override(spec, ["model.kind=ridge"])
    assert (ridge.model.lookback, ridge.training.seed) == (30, 5)
    assert ridge.loss == load_spec().loss
    assert override(ridge, ["model.kind=ridge"]) == ridge
    with pytest.raises(ValueError, match=r"remove \[loss\]"):
        override(ridge, ["loss.temperature=0.2"])
    assert len({spec.fingerprint(), gru.fingerprint(), ridge.fingerprint()}) == 3


@pytest.mark.parametrize(
    "assignment",
    [
        "portfolio.long_count=" + "[" * 100_000,
        "portfolio.long_count=" + "{a=" * 5000 + "1" + "}" * 5000,
        "training.seed=" + "9" * 5000,
        ".".join("a" * 20_000) + "=1",
    ],
)
def test_an_override_beyond_a_bound_is_refused_in_a_short_line(assignment):
    with pytest.raises(ValueError, match=r"cannot be read|at most") as refused:
        override(load_spec(), [assignment])
    assert len(str(refused.value)) < 300


def test_a_strategy_file_that_is_too_deep_is_refused_by_name(tmp_path):
    for text in ("a = " + "[" * 100_000, ".".join("a" * 20_000) + " = 1", "a = " + "9" * 5000, "a = '\xe9'"):
        (tmp_path / "mine.toml").write_text(text, encoding="latin-1")
        with pytest.raises(ValueError, match=r"mine\.toml is not TOML"):
            load_spec(tmp_path / "mine.toml")


@pytest.mark.parametrize("value", ["1", "[]", "", "'x'", "true"])
def test_a_section_that_is_a_value_is_refused(value):
    for section in ("model", "features", "portfolio", "label", "split"):
        with pytest.raises(ValueError, match=rf"--set: {section}: "):
            override(load_spec(), [f"{section}={value}"])
