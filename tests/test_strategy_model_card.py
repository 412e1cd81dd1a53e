"""The card of a model: right numbers for every kind, one page and one JSON that agree, nothing from files trusted."""

import json
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from backtests.report.card_page import PAGE_TITLE, render_card, size_words, time_words
from backtests.report.formats import count, ratio
from backtests.report.model_facts import CardSpans, LearnedFrom, ModelFacts, ModelOrigin, ModelReads
from core.errors import RunError
from models.calibrate import Calibration
from models.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from models.model import FitContext
from models.model_costs import ModelCosts, Timing, measured_costs, median_seconds
from models.model_kinds import make_model
from models.model_parts import parts_of
from models.networks.layer_counts import Layer
from models.networks.training_state import FILE_NAME
from models.sample_splits import Split, resolve_split
from strategy.definitions.spec import load_spec
from strategy.learning.training_data import prepare_training_data
from strategy.studies.model_card.card_facts import card_facts, learned_rows
from strategy.studies.model_card.card_subject import CardSubject, run_subject
from tests.oracles.small_runs import quintile, refusal
from tests.test_models_kinds import KINDS, as_ever, settings_for, window_kind

__all__ = ["window_kind"]  # a fixture that registers a kind of a user's own

FAST = ("gru", "ridge", "lightgbm", "ensemble")
KIND_PARAMETERS = [kind if kind in FAST else pytest.param(kind, marks=pytest.mark.slow) for kind in KINDS]
ONE = Timing(seconds=0.25, calls=21)
COSTS = ModelCosts(
    measured="2026-01-02T03:04:05+00:00",
    machine={"processor": "Abacus"},
    threads=1,
    session="2020-05-29",
    names=12,
    load=replace(ONE, seconds=2.0),
    one_name=replace(ONE, seconds=0.0015),
    whole_session=ONE,
    peak_bytes=446_000_000,
    grown_bytes=1_500_000,
)
LEAD = {
    "ic": {"mean": 0.01, "standard_error": 0.002},
    "model_minus_baseline": {"mean": 0.0123, "standard_error": 0.005},
}
CALIBRATION = Calibration(level=0.0, level_se=0.1, slope=1.0, slope_se=0.1, measured_slope=1.0, n_sessions=9)
ORIGIN = ModelOrigin(
    name="20261129-101010-abcdef",
    strategy="planted",
    title="A test",
    headline={"verdict": "WEAK", "sentence": "WEAK: a test", "rank_ic": 0.02, "rank_ic_standard_error": 0.01},
    ridge=LEAD | {"model_minus_baseline": LEAD["model_minus_baseline"] | {"n_sessions": 30}},
    fingerprints={"strategy": "a" * 64, "weights": "b" * 64},
)
SPANS = CardSpans(
    train=("2020-01-01", "2020-04-14"), validation=("2020-04-15", "2020-05-11"), test=("2020-05-12", "2020-06-16")
)


class Page(HTMLParser):
    """What a page holds: its tags with their attributes, its words outside scripts, and the cells of its tables."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words, self.rows, self._inside = "", [], ""
        self.open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag in ("th", "td", "tr", "script", "style", "section", "table", "p", "body", "html"):
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("th", "td"):
            self.rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        if self.open and tag == self.open[-1]:
            self.open.pop()

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] in ("script", "style"):
            return
        self.words += data
        if self.open and self.open[-1] in ("th", "td"):
            self.rows[-1][-1] += data

    @property
    def facts(self) -> dict[str, str]:
        """The rows of two cells, the first of each name."""
        return {row[0]: row[1] for row in reversed(self.rows) if len(row) == 2}


def facts_of(kind: str, folder: Path, **changes: Any) -> ModelFacts:
    """What a card says of a kind, fitted on planted windows and read from its checkpoint as if a run had trained it."""
    _, _, model = as_ever(kind)
    save_checkpoint(folder / "model", Checkpoint(model=model, calibration=CALIBRATION))
    loaded = load_checkpoint(folder / "model").model
    label = {"kind": "return", "horizon": 1}
    made = ModelFacts(
        origin=ORIGIN,
        kind=kind,
        n_disk_bytes=sum(path.stat().st_size for path in folder.glob("model.*")),
        parts=parts_of(loaded),
        reads=ModelReads(feature_set="planted", features=loaded.scaler.names, lookback=6, label=label, seed=1),
        spans=SPANS,
        labels=LearnedFrom(labels=804, sessions=67),
        costs=COSTS,
    )
    return replace(made, **changes)


@pytest.mark.parametrize("kind", KIND_PARAMETERS)
def test_every_kind_has_a_card_whose_page_says_what_its_json_says(kind: str, tmp_path: Path) -> None:
    windows, _, model = as_ever(kind)
    facts = facts_of(kind, tmp_path)
    costs = measured_costs(tmp_path / "model", windows, scoring="exact", machine={"processor": "Abacus"})
    facts = replace(facts, costs=costs)
    said = json.loads(json.dumps(facts.as_json(), allow_nan=False))
    page = Page(render_card(facts))
    assert said["kind"] == kind
    assert said["parameters"]["torch"] == model.card.n_parameters > 0
    assert page.facts["Parameters, torch's count"] == count(said["parameters"]["torch"])
    keras, torch_count = said["parameters"]["keras"], said["parameters"]["torch"]
    assert page.facts["Parameters, Keras' count"] == ("same" if keras == torch_count else count(keras))
    assert (keras < torch_count) == (kind in ("lstm", "alstm"))
    assert page.facts["Labels a parameter"] == ratio(804 / torch_count)
    assert said["bytes"]["disk"] == sum(path.stat().st_size for path in tmp_path.glob("model.*"))
    assert page.facts["On disk, weights and card"] == size_words(said["bytes"]["disk"])
    measured = said["measured"]
    assert measured["names"] == 12
    assert page.facts["Latency of one name"].startswith(time_words(measured["one_name"]["seconds"]))
    assert page.facts["Latency of a session, 12 names"].startswith(time_words(measured["whole_session"]["seconds"]))
    assert said["few_labels"] == (804 / torch_count < 10)
    assert ("FEW LABELS" in page.words) == said["few_labels"]
    for part in said["parts"]:
        assert sum(layer["parameters"] for layer in part["layers"]) in (0, part["parameters"]["torch"])
        assert (part["trees"] is None) == bool(part["layers"])
        for layer in part["layers"]:
            assert any(row[:2] == [layer["name"], layer["kind"]] for row in page.rows)
    assert ("Loss by epoch" in page.words) == any(part["epochs"] for part in said["parts"])


def test_an_ensemble_is_told_by_member(tmp_path: Path) -> None:
    facts = facts_of("ensemble", tmp_path)
    assert [(part.place, part.card.kind, part.weight) for part in facts.parts] == [
        ("deep.0", "gru", 0.5),
        ("linear.0", "ridge", 0.5),
    ]
    # ridge: 3 features; GRU of width 4 on 3 features: 3(4·7 + 8) = 108, and its head 5
    assert [part.parameters for part in facts.parts] == [113, 3]
    assert facts.parameters == facts.keras_parameters == 116
    assert [dict(part.loss) for part in facts.parts] == [{"soft_rank": 0.7, "huber": pytest.approx(0.3)}, {}]
    page = Page(render_card(facts))
    assert [row for row in page.rows if row[0] == "Weight in the ensemble"] == [
        ["Weight in the ensemble", "+0.500"]
    ] * 2
    assert page.facts["Loss"] == "0.7 soft_rank, 0.3 huber"


def test_each_member_has_the_time_of_its_own_epochs(tmp_path: Path) -> None:
    windows, split, _ = as_ever("ensemble")
    context = FitContext(device="cpu", folder=tmp_path / "training")
    model = make_model(settings_for("ensemble")).fit(windows, split, context=context)
    made = Checkpoint(model=model, calibration=CALIBRATION)
    subject = CardSubject(
        origin=ORIGIN, path=tmp_path, spec=load_spec(), checkpoint=made, bars=lost_bars, state=tmp_path / "training"
    )
    deep, linear = parts_of(model, subject.training_seconds)
    assert deep.seconds is not None
    assert deep.seconds > 0.0
    assert linear.seconds is None
    assert facts_of("ensemble", tmp_path, parts=(deep,)).training_seconds == deep.seconds
    facts = facts_of("ensemble", tmp_path, parts=(deep, linear))
    assert facts.training_seconds is None
    assert "3 epochs; their time was not kept, or not that of each." in Page(render_card(facts)).words


def test_a_layer_is_shown_with_its_tensors_and_both_counts(tmp_path: Path) -> None:
    facts = facts_of("gru", tmp_path)
    shapes = {"weight_ih": (256, 7), "bias_ih": (256,)}
    layer = Layer(name="lstm.l0", kind="LSTM", shapes=shapes, parameters=18_688, keras_parameters=18_432)
    head = Layer(name="head", kind="dense", shapes={"weight": (1, 16)}, parameters=16, keras_parameters=16)
    part = replace(facts.parts[0], layers=(layer, head))
    page = Page(render_card(replace(facts, parts=(part,))))
    assert ["lstm.l0", "LSTM", "weight_ih 256 × 7, bias_ih 256", count(18_688), count(18_432)] in page.rows
    assert ["head", "dense", "weight 1 × 16", "16", "same"] in page.rows
    assert page.facts["Parameters, Keras' count"] == count(18_432 + 16)


def test_a_refit_learns_from_validation_too() -> None:
    split = Split(train=slice(5, 60), validation=slice(62, 80), test=slice(82, 90), purge=2)
    for refit, rows in ((False, slice(5, 60)), (True, slice(5, 80))):
        settings = SimpleNamespace(training=SimpleNamespace(refit=refit), model=SimpleNamespace(learns_by_epochs=True))
        subject: Any = SimpleNamespace(checkpoint=SimpleNamespace(model=SimpleNamespace(settings=settings)))
        assert learned_rows(subject, split) == rows


def test_a_page_loads_nothing_and_trusts_no_word(tmp_path: Path) -> None:
    evil = '"><script>alert(1)</script><img src=x onerror=alert(2)>'
    headline = ORIGIN.headline | {"sentence": evil, "verdict": evil}
    hostile = replace(ORIGIN, name=evil, strategy=evil, title=f"A <b> {evil}", command=evil, headline=headline)
    facts = facts_of("gru", tmp_path, origin=hostile, costs=replace(COSTS, machine={evil: evil}, session=evil))
    facts = replace(facts, parts=tuple(replace(part, place=evil) for part in facts.parts))
    text = render_card(facts, command=evil)
    page = Page(text)
    assert text.count(evil) == 0
    assert page.words.count(evil) >= 5
    tags = [tag for tag, _ in page.tags]
    assert not {"img", "link", "iframe", "object", "embed", "base", "form"} & set(tags)
    assert tags.count("script") == 2 + 3  # what draws, and three pictures as JSON
    for _, attributes in page.tags:
        assert "src" not in attributes
        assert (attributes.get("href") or "#").startswith("#")
        assert not [name for name in attributes if name.startswith("on")]
    (policy,) = [each["content"] for tag, each in page.tags if tag == "meta" and "http-equiv" in each]
    assert policy is not None
    assert policy.startswith("default-src 'none'")
    assert PAGE_TITLE in text[:4096]


def test_what_is_not_known_is_said(tmp_path: Path) -> None:
    origin = replace(ORIGIN, ridge=None)
    facts = facts_of("gru", tmp_path, origin=origin, labels=None, costs=None, unmeasured="its bars are gone")
    said, page = facts.as_json(), Page(render_card(facts))
    assert said["measured"] is None
    assert said["unmeasured"] == "its bars are gone"
    assert said["labels_per_parameter"] is None
    assert said["training_seconds"] is None
    assert not said["few_labels"]
    assert page.facts["Labels a parameter"] == "n/a"
    assert "Not measured: its bars are gone." in page.words
    assert "Ridge was not fitted beside it." in page.words


@pytest.mark.parametrize(
    ("mean", "said"), [(0.0123, "better than ridge"), (-0.0123, "worse than ridge"), (0.009, "not told from ridge")]
)
def test_a_lead_over_ridge_counts_beyond_two_standard_errors(mean: float, said: str, tmp_path: Path) -> None:
    gap = {"mean": mean, "standard_error": 0.005, "n_sessions": 30}
    origin = replace(ORIGIN, ridge=LEAD | {"model_minus_baseline": gap})
    assert f"By rank IC it is {said}" in Page(render_card(facts_of("gru", tmp_path, origin=origin))).words


def test_labels_a_parameter_are_few_below_ten(tmp_path: Path) -> None:
    for labels, few in ((29, True), (30, False)):
        facts = facts_of("ridge", tmp_path, labels=LearnedFrom(labels=labels, sessions=5))
        assert facts.labels_per_parameter == pytest.approx(labels / 3)
        assert facts.has_few_labels is few


@pytest.mark.parametrize(
    ("lasting", "wanted"),
    [
        ([0.01], Timing(seconds=0.01, calls=21)),
        ([0.5], Timing(seconds=0.5, calls=6)),
        ([4.0, 1.0, 2.0], Timing(seconds=2.0, calls=3)),
    ],
)
def test_a_median_is_of_calls_after_the_first_and_of_fewer_where_they_are_slow(
    lasting: list[float], wanted: Timing
) -> None:
    """Calls go on for three seconds: six of half a second, and three of whatever they take."""
    now, made = [0.0], [0]

    def call() -> None:
        now[0] += 100.0 if made[0] == 0 else lasting[(made[0] - 1) % len(lasting)]
        made[0] += 1

    found = median_seconds(call, lambda: now[0])
    assert found.calls == wanted.calls == made[0] - 1
    assert found.seconds == pytest.approx(wanted.seconds)


@pytest.mark.parametrize(
    ("n_bytes", "said"),
    [(0, "0 bytes"), (999, "999 bytes"), (446_000, "446 kB"), (2_500_000_000, "2.5 GB"), (None, "n/a")],
)
def test_bytes_are_told_in_units_of_a_thousand(n_bytes: int | None, said: str) -> None:
    assert size_words(n_bytes) == said


@pytest.mark.parametrize(
    ("seconds", "said"), [(0.00012, "0.12 ms"), (0.25, "250 ms"), (2.5, "2.5 s"), (600.0, "10 min"), (None, "n/a")]
)
def test_time_is_told_in_the_unit_that_suits(seconds: float | None, said: str) -> None:
    assert time_words(seconds) == said


def test_a_run_has_a_card_beside_its_report_and_measures_touch_no_file_of_it(
    bench: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    copied = bench.copied(tmp_path)
    before = {path: path.read_bytes() for path in copied.run.path.rglob("*") if path.is_file()}
    out = copied.store.root
    said = json.loads(quintile("models", "card", "--json", "--out", out, monkeypatch=monkeypatch, capsys=capsys))
    page = copied.run.path / "model_card.html"
    assert Path(said["page"]) == page
    after = {path: path.read_bytes() for path in copied.run.path.rglob("*") if path.is_file() and path != page}
    assert after == before
    # an LSTM of width 8 on 14 features: 4·8·(14 + 8) + 2·32, one bias less in Keras, and the head's 9
    assert said["parameters"] == {"torch": 704 + 64 + 9, "keras": 704 + 32 + 9}
    assert said["training_seconds"] > 0.0
    assert said["parts"][0]["epochs"] == 2
    spec = copied.run.spec
    made = prepare_training_data(spec, run_subject(copied.run).bars())
    per_session = made.windows.labelled[made.split.train].sum(dim=1)
    usable = per_session[per_session >= 5]
    assert said["labels"] == {"labels": int(usable.sum()), "sessions": len(usable)}
    assert said["labels_per_parameter"] == pytest.approx(int(usable.sum()) / 777)
    metrics = copied.run.metrics
    assert said["ridge"] == metrics["baselines"]["ridge"]
    assert said["judged"]["sentence"] == metrics["headline"]["sentence"]
    assert said["fingerprints"]["bars"] == copied.run.record["identity"]["panel"]
    split = resolve_split(made.windows.sessions, spec.split, delay=1, horizon=1)
    assert said["spans"]["validation"] == [
        f"{made.windows.sessions[split.validation.start]:%Y-%m-%d}",
        f"{made.windows.sessions[split.test.start - 1]:%Y-%m-%d}",
    ]
    printed = quintile("models", "card", "--quiet", "--out", out, monkeypatch=monkeypatch, capsys=capsys)
    assert printed.strip() == str(page)


def test_a_card_goes_where_it_is_told_and_replaces_cards_alone(
    bench: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    copied, card = bench.copied(tmp_path), tmp_path / "card.html"
    words = ("models", "card", "latest", "--out", copied.store.root, "--page")
    monkeypatch.setattr("strategy.studies.model_card.card_facts._measured", lost_bars)
    printed = quintile(*words, card, monkeypatch=monkeypatch, capsys=capsys)
    assert "Not measured: its bars are gone" in printed
    assert PAGE_TITLE in card.read_text()[:4096]
    quintile(*words, card, monkeypatch=monkeypatch, capsys=capsys)
    (tmp_path / "mine.html").write_text("mine")
    for page, said in (
        (tmp_path / "mine.html", "is there already"),
        (copied.run.path / "report.html", "would overwrite"),
        (tmp_path / "card.pdf", "name that ends in .html"),
    ):
        assert said in refusal(*words, page, monkeypatch=monkeypatch, capsys=capsys)
    assert (tmp_path / "mine.html").read_text() == "mine"


def lost_bars(*_given: Any) -> Any:
    raise RunError("its bars are gone: put them back")


DAMAGES = {
    "model.safetensors": "is not the file its card describes",
    "model.json": "is not a checkpoint card",
    "metrics.json": "is not JSON",
    "run.json": "is not JSON",
    f"training/{FILE_NAME}": "delete it, nothing else needs it",
}


@pytest.mark.parametrize("file", DAMAGES)
def test_a_damaged_run_is_one_line(
    file: str, bench: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    copied = bench.copied(tmp_path)
    (copied.run.path / file).write_bytes(b"{cut")
    words = ("models", "card", copied.run.run_id, "--out", copied.store.root)
    assert DAMAGES[file] in refusal(*words, monkeypatch=monkeypatch, capsys=capsys)
    assert not (copied.run.path / "model_card.html").exists()


def test_a_run_without_a_model_is_one_line(
    bench: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    copied = bench.copied(tmp_path)
    (copied.run.path / "model.json").unlink()
    told = refusal("models", "card", "--out", copied.store.root, monkeypatch=monkeypatch, capsys=capsys)
    assert "has no trained model (model.safetensors and model.json): name a run that does" in told


def test_bars_that_are_gone_leave_a_card_without_measures(bench: Any, tmp_path: Path) -> None:
    copied = bench.copied(tmp_path)
    record = json.loads((copied.run.path / "run.json").read_text())
    record["request"]["bars"] = str(tmp_path / "gone.parquet")
    (copied.run.path / "run.json").write_text(json.dumps(record))
    facts = card_facts(run_subject(copied.run))
    assert facts.costs is None
    assert facts.unmeasured == f"run {copied.run.run_id} was made with bars {tmp_path / 'gone.parquet'}, which is gone"
    assert facts.spans.train[0] is None


def test_a_version_has_a_card(
    frozen: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("models", "card", str(frozen.version), "--versions", frozen.path.parents[1], "--out", tmp_path, "--json")
    before = {path: path.read_bytes() for path in frozen.path.rglob("*") if path.is_file()}
    said = json.loads(quintile(*words, monkeypatch=monkeypatch, capsys=capsys))
    assert said["model"] == str(frozen.version)
    assert said["parameters"] == {"torch": 777, "keras": 745}
    assert said["labels"]["labels"] > 0
    assert said["fingerprints"]["lock"] == frozen.sha256
    assert said["ridge"] is None
    assert Path(said["page"]) == tmp_path / "filter_negative" / "filter_negative@1.0.0" / "model_card.html"
    assert {path: path.read_bytes() for path in frozen.path.rglob("*") if path.is_file()} == before
