"""Finding kinds: what each means, what a fix does about it, and why it leaves the rest."""

import pandas as pd

__all__ = ["BAD_PRINTS", "COLUMNS", "KINDS", "LEFT", "REMOVE", "RESCALE", "Row"]

KINDS = {
    "unreadable": "what the source holds and no reader understands",
    "impossible row": "a number that no bar can have, or high below low",
    "repeated row": "more than one row for a ticker and session",
    "untraded session": "bars, but nobody traded a share: a holiday that was filled in; runs leave it out",
    "repeated session": "the bars of the session before stand again: a calendar filled forward; runs leave it out",
    "thin session": "less than half the usual names traded: lost by the source; runs leave it out",
    "market move": "the equal-weight universe moves by more than 10 % in one session",
    "repeated bar": "the four prices of another session, and its volume: the likely copy, its twin named",
    "island": "one to three bars off both neighbours, between two opposite gaps, on ordinary volume",
    "gap": "sessions without a print between the first and the last one",
    "stale run": "three or more sessions with one and the same bar",
    "zero volume": "a print without a share traded",
    "order": "open or close outside low to high",
    "unadjusted split": "the open jumps by a simple ratio and shares by its inverse; nothing accounts for it",
    "suspected split": "like a split, but not sure: why not is said",
    "split": "adj_close accounts for it; listed so that it can be checked",
    "early volume": "volume before a split that is on the basis after it",
    "adjustment jump": "adj_close / close moves by 20 % or more on no simple ratio: a spin-off, a dividend, or wrong",
    "jump": "three times the last close or more, or a third or less; nothing above accounts for it",
    "reused ticker": "a new price level after more than sixty sessions without a print",
    "duplicate ticker": "two tickers with the same returns",
    "missing session": "held by the exchange, absent from the bars",
    "extra session": "in the bars, not held by the exchange",
}
LEFT = {
    **dict.fromkeys(("untraded session", "repeated session", "thin session"), "runs leave it out by themselves"),
    "unreadable": "left out by the reader",
    "split": "adj_close accounts for it",
    "repeated bar": "only a later session shows the copy, or volume does not say the same: hindsight",
    "island": "only what came next shows it: hindsight",
    "unadjusted split": "only the volume of later sessions shows it: hindsight",
    "suspected split": "one sign of two",
    "jump": "news and errors look alike",
}
OTHERS_LEFT = "for their owner to judge"
BAD_PRINTS = ("repeated bar", "island")  # rows whose prices were not traded there
REMOVE, RESCALE = "remove", "rescale"
COLUMNS = ("kind", "ticker", "first", "last", "value", "detail", "repair")
Row = tuple[str, str, pd.Timestamp, pd.Timestamp, float, str, str]
