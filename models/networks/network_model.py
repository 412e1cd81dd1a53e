"""Network model: any network of a kind that has one behind the seam, trained by the one loop."""

from dataclasses import dataclass

import torch

from core.errors import RunError
from models.model import FitContext
from models.model_kinds import build_network
from models.model_settings import ModelSettings
from models.networks.fitted_network import FittedNetwork
from models.networks.train import train_network
from models.networks.trained import EpochRecord
from models.networks.training_state import ResumePoint
from models.sample_splits import Split
from models.spans import reads_sequences
from models.windows import Windows

__all__ = ["NetworkModel"]


@dataclass(frozen=True, slots=True)
class NetworkModel:
    """A network that the training loop trains.

    Parameters
    ----------
    settings : ModelSettings
        Its kind has a network.
    """

    settings: ModelSettings

    def fit(self, windows: Windows, split: Split, *, context: FitContext) -> FittedNetwork:
        """Train, or go on with a training whose state is kept."""
        self._check_network(windows)
        resume = None if context.folder is None else ResumePoint(folder=context.folder, identity=context.identity)

        def show(record: EpochRecord) -> None:
            note = f"loss {record.validation_loss:.4f} · validation rank IC {record.validation_ic:+.4f}"
            context.progress(record.epoch, self.settings.training.max_epochs, note)

        return FittedNetwork(
            train_network(windows, split, settings=self.settings, resume=resume, device=context.device, progress=show)
        )

    def _check_network(self, windows: Windows) -> None:
        """Refuse a network whose scores have another shape than it says, before the first epoch."""
        with torch.random.fork_rng(devices=[]), torch.no_grad():
            network = build_network(self.settings.model, windows.x.shape[2]).eval()
            x = torch.zeros(windows.lookback, 3, windows.x.shape[2])
            found, wanted = tuple(network(x).shape), (windows.lookback, 3) if reads_sequences(network) else (3,)
        if found != wanted:
            raise RunError(
                f"network {type(network).__name__} gives scores of shape {found} for windows {tuple(x.shape)} "
                f"(sessions, names, features), must be {wanted}: return a score a name, or one a session and name with "
                'reads = "sequences"'
            )
