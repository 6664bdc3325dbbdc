"""What an operator of the quantized model adds itself: it alone, on the float model's numbers as its inputs."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from ...engine.excerpt import Excerpt, constants_of, cut, stands_alone
from ...engine.model import Model
from ...engine.program import Program
from ...engine.session import Session
from ...engine.views import port_of
from ...schema import Error
from ..ports import quantize
from .pairing import Pairing


class LocalRun:
    """An operator of the quantized model, cut out and prepared once; ``note`` says why it cannot run, if so."""

    def __init__(self, model: Model, operator: int, pairing: Pairing) -> None:
        self._model, self._operator, self._pairing = model, operator, pairing
        self._prepared: tuple[Excerpt, Program, tuple[tuple[int, ...], ...]] | None = None
        self._constants = constants_of(model)
        alone = stands_alone(model.graph.subgraphs[0].operators[operator])
        self.note = "" if alone else "it works on what other operators keep"

    def run(
        self, value: Callable[[int], np.ndarray | None], real: Callable[[int], np.ndarray | None]
    ) -> Mapping[int, np.ndarray]:
        """Return the outputs by tensor; nothing where the operator cannot run.

        Parameters
        ----------
        value : the quantized model's tensors in the whole run, for their shapes.
        real : the float model's tensors.
        """
        if self.note:
            return {}
        subgraph = self._model.graph.subgraphs[0]
        own = [index for index in subgraph.operators[self._operator].inputs if index >= 0]
        given: dict[int, np.ndarray] = {}
        for index in own:
            if index in self._constants or subgraph.tensors[index].is_variable:
                continue
            fellow = self._pairing.fellow(index)
            array = None if fellow is None else real(fellow)
            if array is None:
                self.note = f"its input {index} has no fellow in the float model"
                return {}
            port = port_of(subgraph.tensors[index], index)
            try:
                given[index] = quantize(port, array) if array.dtype.kind == "f" else array.astype(port.dtype)
            except Error as error:
                self.note = str(error)
                return {}
        try:
            excerpt, program = self._prepare(given, value)
            program.restart()
            for place, index in zip(excerpt.graph.subgraphs[0].inputs, excerpt.inputs, strict=True):
                target = program.array(place)
                if target is None:
                    program.set_object(place, given[index])
                else:
                    target[...] = given[index]
            program.run()
            places = zip(excerpt.graph.subgraphs[0].outputs, excerpt.outputs, strict=True)
            return {index: program.output(place) for place, index in places}
        except Error as error:
            self.note = str(error)
            return {}

    def _prepare(
        self, given: Mapping[int, np.ndarray], value: Callable[[int], np.ndarray | None]
    ) -> tuple[Excerpt, Program]:
        """Return the program for inputs of these shapes."""
        shapes = tuple(array.shape for array in given.values())
        if self._prepared is None or self._prepared[2] != shapes:
            graph = self._model.graph
            operator = graph.subgraphs[0].operators[self._operator]
            named = (index for index in (*operator.inputs, *operator.outputs) if index >= 0)
            known = {index: array for index in named if (array := value(index)) is not None}
            excerpt = cut(graph, self._operator, {**known, **given}, self._constants)
            program = Session(excerpt.graph, self._model.profile, self._model.backend).program(preserve_all=True)
            self._prepared = excerpt, program, shapes
        return self._prepared[0], self._prepared[1]
