"""Tiny random weights of the pretrained forecasters, and what their libraries say of two series, recorded.

``python -m tests.pretrained_weights`` records again, where the extras chronos, timesfm and kronos are installed.
"""

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

RECORDED = Path(__file__).parent / "data" / "forecasters"
HORIZON = 3
DECILES = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]
T5 = {
    "d_model": 16,
    "d_kv": 8,
    "d_ff": 32,
    "num_layers": 1,
    "num_heads": 2,
    "pad_token_id": 0,
    "eos_token_id": 1,
    "decoder_start_token_id": 0,
}


def closes() -> np.ndarray:
    """Two series of 40 closes."""
    return np.asarray(100.0 * np.exp(np.cumsum(np.random.default_rng(0).normal(0.0, 0.01, (2, 40)), axis=1)))


def write_chronos(folder: Path, **changed: Any) -> None:
    from transformers import T5Config, T5ForConditionalGeneration

    own = {
        "tokenizer_class": "MeanScaleUniformBins",
        "tokenizer_kwargs": {"low_limit": 0.5, "high_limit": 1.5},
        "context_length": 64,
        "prediction_length": 8,
        "n_tokens": 64,
        "n_special_tokens": 2,
        "pad_token_id": 0,
        "eos_token_id": 1,
        "use_eos_token": True,
        "model_type": "seq2seq",
        "num_samples": 20,
        "temperature": 1.0,
        "top_k": 50,
        "top_p": 1.0,
    }
    torch.manual_seed(0)
    told = {**T5, "vocab_size": 64, "chronos_config": own, "chronos_pipeline_class": "ChronosPipeline", **changed}
    T5ForConditionalGeneration(T5Config(**told)).save_pretrained(folder)


def write_bolt(folder: Path) -> None:
    from chronos.chronos_bolt import ChronosBoltModelForForecasting
    from transformers import T5Config

    own = {
        "context_length": 64,
        "prediction_length": 8,
        "input_patch_size": 8,
        "input_patch_stride": 8,
        "quantiles": DECILES,
        "use_reg_token": True,
    }
    torch.manual_seed(0)
    named = {"chronos_pipeline_class": "ChronosBoltPipeline", "architectures": ["ChronosBoltModelForForecasting"]}
    config = T5Config(**T5, vocab_size=2, chronos_config=own, **named)
    ChronosBoltModelForForecasting(config).save_pretrained(folder)


def write_chronos2(folder: Path) -> None:
    from chronos.chronos2 import Chronos2Model
    from chronos.chronos2.config import Chronos2CoreConfig

    own = {
        "context_length": 64,
        "output_patch_size": 8,
        "input_patch_size": 8,
        "input_patch_stride": 8,
        "quantiles": [0.05, *DECILES, 0.95],
        "use_reg_token": True,
        "use_arcsinh": True,
        "max_output_patches": 2,
        "time_encoding_scale": 64,
    }
    torch.manual_seed(0)
    sizes = {key: T5[key] for key in ("d_model", "d_kv", "d_ff", "num_layers", "num_heads")}
    named = {"chronos_pipeline_class": "Chronos2Pipeline", "architectures": ["Chronos2Model"]}
    Chronos2Model(Chronos2CoreConfig(**sizes, vocab_size=2, chronos_config=own, **named)).save_pretrained(folder)


def shrink_timesfm25(replace: Callable[[Any, str, Any], None]) -> None:
    """Make the library's one size of TimesFM 2.5 a tiny one, by ``setattr`` or a test's own."""
    from timesfm import configs
    from timesfm.timesfm_2p5 import timesfm_2p5_base, timesfm_2p5_torch

    def block(inputs: int, outputs: int, *, bias: bool) -> Any:
        sizes = {"input_dims": inputs, "hidden_dims": 16, "output_dims": outputs}
        return configs.ResidualBlockConfig(**sizes, use_bias=bias, activation="swish")

    whole = timesfm_2p5_base.TimesFM_2p5_200M_Definition()
    one = dataclasses.replace(whole.stacked_transformers.transformer, model_dims=16, hidden_dims=16, num_heads=2)
    tiny = dataclasses.replace(
        whole,
        output_quantile_len=128,
        tokenizer=block(64, 16, bias=True),
        stacked_transformers=configs.StackedTransformersConfig(num_layers=1, transformer=one),
        output_projection_point=block(16, 1280, bias=False),
        output_projection_quantiles=block(16, 1280, bias=False),
    )
    replace(timesfm_2p5_torch.TimesFM_2p5_200M_torch_module, "config", tiny)


def write_timesfm25(folder: Path) -> None:
    """After ``shrink_timesfm25``."""
    from safetensors.torch import save_file
    from timesfm import TimesFM_2p5_200M_torch

    torch.manual_seed(0)
    folder.mkdir(parents=True)
    save_file(TimesFM_2p5_200M_torch(torch_compile=False).model.state_dict(), folder / "model.safetensors")


def write_timesfm3(folder: Path) -> None:
    from timesfm3 import TimesFM3Torch

    torch.manual_seed(0)
    layer = {
        "model_dims": 16,
        "hidden_dims": 16,
        "num_heads": 2,
        "attention_norm": "rms",
        "feedforward_norm": "rms",
        "qk_norm": "rms",
        "use_rope_seq": True,
        "use_rope_var": True,
        "use_bias": False,
        "ff_activation": "relu",
        "deterministic": True,
    }
    TimesFM3Torch(
        input_patch_len=8,
        output_patch_len=16,
        quantiles=DECILES,
        residual_block_config={"hidden_dims": 16, "output_dims": 16, "use_bias": False, "activation": "relu"},
        transformer_config={"num_layers": 1, "transformer": layer},
    ).save_pretrained(folder)


def write_kronos(folder: Path) -> None:
    from kronos_finance._vendor.kronos_model import Kronos, KronosTokenizer
    from safetensors.torch import save_file

    both = {
        "s1_bits": 4,
        "s2_bits": 4,
        "d_model": 16,
        "n_heads": 2,
        "ff_dim": 16,
        "ffn_dropout_p": 0.2,
        "attn_dropout_p": 0.0,
        "resid_dropout_p": 0.2,
    }
    scales = {"beta": 0.05, "gamma0": 1.0, "gamma": 1.1, "zeta": 0.05, "group_size": 4}
    parts = {
        "tokenizer": (KronosTokenizer, {**both, "d_in": 6, "n_enc_layers": 2, "n_dec_layers": 2, **scales}),
        "model": (Kronos, {**both, "n_layers": 1, "token_dropout_p": 0.0, "learn_te": True}),
    }
    torch.manual_seed(0)
    for name, (network, told) in parts.items():
        (folder / name).mkdir(parents=True)
        (folder / name / "config.json").write_text(json.dumps(told), encoding="utf-8")
        save_file(network(**told).state_dict(), folder / name / "model.safetensors")


WRITERS = {
    "chronos": write_chronos,
    "bolt": write_bolt,
    "chronos2": write_chronos2,
    "timesfm25": write_timesfm25,
    "timesfm3": write_timesfm3,
    "kronos": write_kronos,
}


def main() -> None:
    """Record what each library says of the two series, in its own shape."""
    import tempfile

    from models.forecasters.pretrained.chronos import chronos_of
    from models.forecasters.pretrained.kronos import KronosKeys, kronos_of
    from models.forecasters.pretrained.sample_draws import SampleDraws
    from models.forecasters.pretrained.timesfm import timesfm_of
    from models.forecasters.pretrained.weights_folder import quiet

    draws, rows = SampleDraws(samples=11, temperatures=(1.0,)), [np.asarray(row) for row in closes()]
    shrink_timesfm25(setattr)
    with tempfile.TemporaryDirectory() as folder:
        places = {name: Path(folder) / name for name in WRITERS}
        for name, write in WRITERS.items():
            write(places[name])
        tensors = [torch.tensor(row, dtype=torch.float32) for row in rows]
        pipelines = {
            name: chronos_of(places[name], draws=draws, trained_until=None).pipeline
            for name in ("chronos", "bolt", "chronos2")
        }
        torch.manual_seed(0)
        said = {
            "chronos": pipelines["chronos"].predict(tensors, HORIZON, num_samples=11).tolist(),
            "bolt": pipelines["bolt"].predict(tensors, HORIZON).tolist(),
            "chronos2": [each.tolist() for each in pipelines["chronos2"].predict(tensors, HORIZON)],
        }
        earlier, later = (timesfm_of(places[name], trained_until=None) for name in ("timesfm25", "timesfm3"))
        config = earlier.library.ForecastConfig(max_context=64, max_horizon=HORIZON, per_core_batch_size=2)
        earlier.model.compile(config)
        said["timesfm25"] = earlier.model.forecast(horizon=HORIZON, inputs=rows)[1].tolist()
        found = later.model.predict_batch(rows, HORIZON, return_quantiles=True)
        said["timesfm3"] = [each.quantiles.tolist() for each in found]
        keys = KronosKeys(draws=draws, top_p=0.9, context=64, trained_until=None)
        sessions = pd.Series(pd.bdate_range("2024-01-01", periods=40 + HORIZON))
        bars = pd.DataFrame(dict.fromkeys(("open", "high", "low", "close"), rows[0])).assign(volume=1e6)
        with quiet():
            drawn = kronos_of(places["kronos"], keys).predictor.predict_batch(
                [bars] * 11, [sessions[:40]] * 11, [sessions[40:]] * 11, HORIZON, sample_count=1, verbose=False
            )
        said["kronos"] = [each["close"].tolist() for each in drawn]
    RECORDED.mkdir(parents=True, exist_ok=True)
    for name, values in said.items():
        text = json.dumps(np.round(np.asarray(values, dtype="float64"), 4).tolist(), separators=(",", ":"))
        (RECORDED / f"{name}.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
