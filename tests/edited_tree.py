"""An edited tree: our sources with some of them replaced, in memory."""

from collections.abc import Mapping

from strategy.runs.source_tree import SourceModule, SourceTree


class EditedTree(SourceTree):
    """A tree with other sources here and there; the rest is read once by the tree it is based on."""

    def __init__(self, base: SourceTree, sources: Mapping[str, bytes]) -> None:
        super().__init__(base.root)
        self.base = base
        self.edited = {path: SourceModule(path, source) for path, source in sources.items()}

    def module(self, path: str) -> SourceModule:
        return self.edited.get(path) or self.base.module(path)
