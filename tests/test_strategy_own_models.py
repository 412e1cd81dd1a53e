"""A user's own model: one decorated class in a file goes through run, decide, walk and prove; a leaky one is caught."""

import sys
from pathlib import Path
from textwrap import dedent

import pandas as pd
import pytest
from sklearn.linear_model import Ridge

from core.errors import RunError
from market.inputs import load_inputs
from models import model_kinds
from models.checkpoint import load_checkpoint
from models.estimators.library_form import library_form
from strategy.definitions.spec import load_spec, override
from strategy.frozen.freeze import FreezeOptions, freeze
from strategy.frozen.versions import Version
from strategy.learning.decide import decided_book
from strategy.learning.user_files import load_models
from strategy.pipeline import run
from strategy.proofs.checks import ProveOptions
from strategy.proofs.run_proof import prove_run
from strategy.runs.context import RunContext
from strategy.runs.provenance import code_fingerprint
from strategy.runs.store import RunStore
from tests.frozen_market import small_bars
from tests.oracles.small_runs import quintile, refusal

NETWORK = """
import torch
import quintile as qt

class Settings(qt.KindSettings):
    width: int = 4

@qt.model("attention", settings=Settings)
class Attention(torch.nn.Module):
    def __init__(self, n_features, settings):
        super().__init__()
        self.look = torch.nn.Linear(n_features, 1)
        self.read = torch.nn.Linear(n_features, settings.width)
        self.head = torch.nn.Linear(settings.width, 1)

    def forward(self, x):
        weights = self.look(x).softmax(dim=0)
        return self.head((weights * self.read(x).relu()).sum(dim=0)).squeeze(1)
"""
REGRESSOR = """
import quintile as qt
from sklearn.ensemble import ExtraTreesRegressor

@qt.model("trees")
class Trees:
    def __init__(self, seed):
        self.trees = ExtraTreesRegressor(5, min_samples_leaf=50, random_state=seed)

    def fit(self, x, y):
        self.trees.fit(x, y)

    def predict(self, x):
        return self.trees.predict(x)
"""
LEAKY = """
import pandas as pd
import torch
import quintile as qt

class Linear:
    def fit(self, windows, split):
        self.weights = torch.ones(windows.x.shape[2])

    def scores(self, windows, sessions):
        rows = windows.sessions.get_indexer(sessions)
        return pd.DataFrame((windows.x[rows] @ self.weights).numpy(), sessions, windows.tickers)

    def tensors(self):
        return {"weights": self.weights}

    def restored(self, tensors):
        self.weights = tensors["weights"]

@qt.model("honest")
class Honest(Linear):
    pass

@qt.model("fits_on_test")
class FitsOnTest(Linear):
    def fit(self, windows, split):
        self.weights = torch.einsum("stf,st->f", windows.x, torch.where(windows.labelled, windows.y, 0.0))

@qt.model("reads_the_label")
class ReadsTheLabel(Linear):
    def scores(self, windows, sessions):
        rows = windows.sessions.get_indexer(sessions)
        return pd.DataFrame(torch.nan_to_num(windows.y[rows]).numpy(), sessions, windows.tickers)

@qt.model("reads_tomorrow")
class ReadsTomorrow(Linear):
    def scores(self, windows, sessions):
        rows = (windows.sessions.get_indexer(sessions) + 1).clip(max=len(windows.sessions) - 1)
        return pd.DataFrame((windows.x[rows] @ self.weights).numpy(), sessions, windows.tickers)
"""
QUICK = ("model.lookback=20",)
EPOCHS = ("training.max_epochs=1", "training.batch_sessions=64")


@pytest.fixture(autouse=True)
def clean_process():
    """No module of an own model stays after a test."""
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        if getattr(sys.modules[name], "__file__", "") and "pytest" in str(sys.modules[name].__file__):
            del sys.modules[name]


@pytest.fixture(scope="module")
def bars(tmp_path_factory) -> Path:
    return small_bars(tmp_path_factory.mktemp("bars") / "bars.parquet", n_sessions=440)


def written(folder: Path, text: str, name: str = "own_model.py") -> Path:
    path = folder / name
    path.write_text(dedent(text), encoding="utf-8")
    return path


def trained(folder: Path, bars: Path, kind: str, *assignments: str):
    """A finished run of a kind."""
    request = RunContext(store=RunStore(folder / "runs")).request
    request = type(request)(bars=str(bars))
    spec = override(load_spec(), [f"model.kind={kind}", *QUICK, *assignments])
    inputs = load_inputs(request)
    return run(spec, inputs, context=RunContext(store=RunStore(folder / "runs"), request=request)), inputs


OWN = [(NETWORK, "attention", EPOCHS), pytest.param(REGRESSOR, "trees", (), marks=pytest.mark.slow)]


@pytest.mark.usefixtures("few_random_books")
@pytest.mark.parametrize(("text", "kind", "more"), OWN)
def test_an_own_model_runs_decides_and_is_not_frozen(tmp_path, bars, text, kind, more):
    load_models(written(tmp_path, text))
    own, inputs = trained(tmp_path, bars, kind, *more)
    assert own.folder.metrics["training"]["kind"] == kind
    page = (own.folder.path / "report.html").read_text(encoding="utf-8")
    assert kind in page
    assert "ridge" in own.ic
    checkpoint = load_checkpoint(own.folder.path / "model")
    book = decided_book(own.folder.spec, inputs.panel, checkpoint)
    shown = own.folder.read_frame("weights")
    pd.testing.assert_frame_equal(book.weights.loc[shown.index], shown, check_freq=False)
    with pytest.raises(RunError, match="its model is your own"):
        freeze(
            own.folder,
            Version.parse("mine@1.0.0"),
            store=RunStore(tmp_path / "runs"),
            options=FreezeOptions(versions=tmp_path / "versions"),
        )


@pytest.mark.usefixtures("few_random_books")
@pytest.mark.parametrize(
    ("kind", "caught_by"),
    [
        pytest.param("honest", set(), marks=pytest.mark.slow),
        pytest.param("fits_on_test", {"training"}, marks=pytest.mark.slow),
        ("reads_the_label", {"future corruption", "truncation"}),
        pytest.param("reads_tomorrow", {"future corruption", "truncation"}, marks=pytest.mark.slow),
    ],
)
def test_the_proof_catches_a_model_that_looks_ahead(tmp_path, bars, kind, caught_by):
    load_models(written(tmp_path, LEAKY, name="leaky_model.py"))
    own, _ = trained(tmp_path, bars, kind)
    proof = prove_run(own.folder, options=ProveOptions())
    failed = {check.check for check in proof.checks if check.status == "FAIL"}
    assert caught_by <= failed
    assert bool(failed) == bool(caught_by), failed


def test_another_source_is_another_code(tmp_path):
    before = code_fingerprint()
    load_models(written(tmp_path, NETWORK))
    loaded = code_fingerprint()
    written(tmp_path, NETWORK.replace("width: int = 4", "width: int = 5"))
    load_models(tmp_path / "own_model.py")
    assert len({before, loaded, code_fingerprint()}) == 3


def test_a_class_that_cannot_learn_is_refused(tmp_path):
    bare = "import quintile as qt\n@qt.model({name!r})\nclass It:\n    pass\n"
    cases = {
        bare.format(name="it"): "must be a torch.nn.Module, or have fit and predict",
        bare.format(name="Two words"): "cannot name a model",
        REGRESSOR.replace('"trees"', '"lstm"'): "is a kind of Quintile's own",
        "x = 1\n": "holds no model",
        "x = 1 / 0\n": "failed in line 1: ZeroDivisionError",
    }
    for number, (text, words) in enumerate(cases.items()):
        with pytest.raises(ValueError, match=words):
            load_models(written(tmp_path, text, name=f"case_{number}.py"))


def test_a_model_whose_file_is_not_loaded_is_named(tmp_path, bars, monkeypatch):
    load_models(written(tmp_path, REGRESSOR))
    windows_free = override(load_spec(), ["model.kind=trees"])
    strategy = tmp_path / "mine.toml"
    strategy.write_text(windows_free.to_toml(), encoding="utf-8")
    monkeypatch.setattr(model_kinds, "_own", {})
    with pytest.raises(ValueError, match=r"quintile --models FILE"):
        load_spec(strategy)


def test_an_estimator_of_a_stranger_is_not_made(tmp_path):
    load_models(written(tmp_path, REGRESSOR, name="first_file.py"))
    foreign = sys.modules["first_file"].Trees(seed=1)
    tensors = library_form(type(foreign)).dump(foreign)
    with pytest.raises(ValueError, match=r"holds first_file\.Trees"):
        library_form(Ridge).load(tensors)


@pytest.mark.slow
def test_the_command_line_takes_an_own_model_everywhere(tmp_path, bars, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for text, kind, more in ((NETWORK, "attention", EPOCHS), (REGRESSOR, "trees", ())):
        file = written(tmp_path, text, name=f"file_{kind}.py")
        words = (
            "--bars",
            bars,
            "--quiet",
            *[w for each in (f"model.kind={kind}", *QUICK, *more) for w in ("--set", each)],
        )
        quintile("--models", file, "run", *words, monkeypatch=monkeypatch, capsys=capsys)
        assert "PASS" in quintile(
            "--models", file, "prove", "latest", "--quiet", monkeypatch=monkeypatch, capsys=capsys
        )
        quintile(
            "--models",
            file,
            "decide",
            "latest",
            "--bars",
            bars,
            "--as-of",
            "2015-10-01",
            monkeypatch=monkeypatch,
            capsys=capsys,
        )
        walked = quintile(
            "--models", file, "walk", *words, "--train", 300, "--test", 60, monkeypatch=monkeypatch, capsys=capsys
        )
        assert "Walk forward" in walked or "walk" in walked.lower()
        said = refusal(
            "--models",
            file,
            "freeze",
            "latest",
            "--as",
            "mine@1.0.0",
            "--versions",
            tmp_path / "v",
            monkeypatch=monkeypatch,
            capsys=capsys,
        )
        assert "cannot be frozen" in said
