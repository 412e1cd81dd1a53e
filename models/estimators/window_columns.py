"""Window columns: the cells of a window that a sample holds, gathered once and never as a stack of windows.

The cells of one session stand together, the decision's own session first, then the one before it.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
import torch

from models.bar_levels import divisor_places, divisors_of
from models.model_settings import KindSettings
from models.windows import Windows

__all__ = ["WindowColumns"]


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowColumns:
    """Features of the last sessions of a window, as one row.

    Parameters
    ----------
    names : tuple of str
        Features that are read.
    places : tuple of int
        Where each is on the last axis of ``Windows.x``.
    n_features : int
        Length of that axis.
    lags : int
        Sessions that are read, at least 1; at most the windows' lookback.
    divisors : tuple of int
        Place of what each feature is divided by, see ``models.bar_levels``; empty where none is.
    """

    names: tuple[str, ...]
    places: tuple[int, ...]
    n_features: int
    lags: int = 1
    divisors: tuple[int, ...] = ()

    @classmethod
    def of(cls, settings: KindSettings, features: tuple[str, ...]) -> Self:
        """Read what a kind says of ``columns`` and ``lags``; one without these keys reads its own session.

        Raises
        ------
        ValueError
            If a column is no feature.
        """
        names: tuple[str, ...] = getattr(settings, "columns", ()) or features
        strangers = [name for name in names if name not in features]
        if strangers:
            raise ValueError(
                f"model.columns names {', '.join(strangers)}, no feature of the set: choose from {', '.join(features)}"
            )
        places = tuple(features.index(name) for name in names)
        divisors = divisor_places(features)
        return cls(
            names=names,
            places=places,
            n_features=len(features),
            lags=getattr(settings, "lags", 1),
            divisors=divisors if max(divisors, default=-1) >= 0 else (),
        )

    @property
    def width(self) -> int:
        """Numbers of a sample."""
        return self.lags * len(self.names)

    @property
    def breadth(self) -> int:
        """Numbers of a sample, in features of one session and rounded up to those."""
        return self.lags

    @property
    def labels(self) -> tuple[str, ...]:
        """A name for each number of a sample."""
        later = [f"{name} lag {lag}" for lag in range(1, self.lags) for name in self.names]
        return (*self.names, *later)

    def of_session(self, x: np.ndarray, row: int, chosen: np.ndarray | slice) -> np.ndarray:
        """Samples (n chosen, width) of one session.

        Parameters
        ----------
        x : ndarray of float32, shape (n_sessions, n_tickers, n_features)
            As ``Windows.x``.
        row : int
            The session; the sessions of the lags must lie in ``x``.
        chosen : ndarray of bool, shape (n_tickers,), or slice
            Names.
        """
        read = (self._divided(torch.from_numpy(x[row - lag]), torch.from_numpy(x[row])) for lag in range(self.lags))
        columns = [self._columns(cells.numpy()[chosen]) for cells in read]
        return columns[0] if self.lags == 1 else np.concatenate(columns, axis=1)

    def gathered(self, windows: Windows, rows: np.ndarray, chosen: np.ndarray) -> np.ndarray:
        """Samples (n_samples, width) of float32, session after session, in one array that is filled in place.

        Parameters
        ----------
        windows : Windows
            Wherever they are.
        rows : ndarray of int
            Sessions, ascending; each at ``lags − 1`` or later.
        chosen : ndarray of bool, shape (n rows, n_tickers)
            Names of each.
        """
        samples = np.empty((int(chosen.sum()), self.width), dtype=np.float32)
        stop = 0
        for row, names in zip(rows, chosen, strict=True):
            start, stop = stop, stop + int(names.sum())
            for lag in range(self.lags):
                cells = slice(lag * len(self.names), (lag + 1) * len(self.names))
                read = self._divided(windows.x[int(row) - lag].cpu(), windows.x[int(row)].cpu())
                samples[start:stop, cells] = self._columns(read.numpy()[names])
        return samples

    def block(self, windows: Windows, rows: torch.Tensor) -> torch.Tensor:
        """Every name's cells of some sessions, (n rows, n_tickers, width), where the windows are.

        A lag before the first session repeats the first: no valid window holds it.
        """
        last = windows.x[rows]
        if self.lags == 1 and self._is_whole:
            return self._divided(last, last)
        places = torch.tensor(self.places, device=last.device)
        read = (self._divided(windows.x[(rows - lag).clamp(min=0)], last) for lag in range(self.lags))
        lagged = [cells[:, :, places] for cells in read]
        return torch.cat(lagged, dim=2)

    @property
    def _is_whole(self) -> bool:
        return self.places == tuple(range(self.n_features))

    def _divided(self, cells: torch.Tensor, last: torch.Tensor) -> torch.Tensor:
        """Cells (…, n_features) of a session, divided by what is last in their windows."""
        return cells - divisors_of(last, self.divisors) if self.divisors else cells

    def _columns(self, cells: np.ndarray) -> np.ndarray:
        return cells if self._is_whole else cells[:, list(self.places)]
