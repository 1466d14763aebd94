"""The ONNX graph of a model, in the form that skl2onnx asks for.

skl2onnx is imported where it is needed, which is after `register_onnx` has found it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hingesvm.model_selection import HingeSVCCV
from hingesvm.svc import HingeSVC

__all__ = ["register"]

# There is no ZipMap of decisions. Pipelines ask for one unless they are told not to.
_OPTIONS = {"raw_scores": [True, False], "zipmap": [True, False], "nocl": [False]}


def register() -> None:
    """Register the converter for both estimators."""
    from skl2onnx import update_registered_converter

    for cls in (HingeSVC, HingeSVCCV):
        update_registered_converter(
            cls,
            _alias(cls),
            set_output_types,
            convert,
            parser=declare,
            options=_OPTIONS,
        )


def _alias(cls: type) -> str:
    """Return the name under which skl2onnx knows a class."""
    return f"Hingesvm{cls.__name__}"


def declare(
    scope: Any, model: Any, inputs: list[Any], custom_parsers: Any = None
) -> list[Any]:
    """Declare the operator of a model and its outputs, and return these."""
    from skl2onnx.common.data_types import Int64TensorType, guess_tensor_type

    operator = scope.declare_local_operator(_alias(type(model)), model)
    operator.inputs = inputs
    scores = guess_tensor_type(inputs[0].type)
    for name, kind in (("label", Int64TensorType()), ("decisions", scores)):
        operator.outputs.append(scope.declare_local_variable(name, kind))
    outputs: list[Any] = operator.outputs
    return outputs


def set_output_types(operator: Any) -> None:
    """Set types and shapes of the outputs of an operator."""
    from skl2onnx.common import data_types as types
    from skl2onnx.common import utils

    utils.check_input_and_output_numbers(
        operator, input_count_range=1, output_count_range=2
    )
    numbers = [
        *(types.FloatTensorType, types.DoubleTensorType),
        *(types.BooleanTensorType, types.Int32TensorType, types.Int64TensorType),
    ]
    utils.check_input_and_output_types(operator, good_input_types=numbers)
    source, model = operator.inputs[0], operator.raw_operator
    n_rows, n_scores = source.get_first_dimension(), len(model.classes_)
    if n_scores == 2 and not _has_raw_scores(operator.scope_inst, model):
        n_scores = 1
    is_text = labels_of(model.classes_).dtype.kind == "U"
    label = types.StringTensorType if is_text else types.Int64TensorType
    operator.outputs[0].set_type(label([n_rows]))
    scores = types.guess_tensor_type(source.type)
    operator.outputs[1].set_type(type(scores)([n_rows, n_scores]))


def labels_of(classes: NDArray[Any]) -> NDArray[Any]:
    """Return the labels as strings or int64, which ONNX has.

    Raises
    ------
    TypeError
        If they are neither strings nor whole numbers.
    """
    if all(isinstance(label, str) for label in classes.tolist()):
        return classes.astype(np.str_)
    if classes.dtype.kind in "biuf":
        labels = classes.astype(np.int64)
        # What is out of range is not equal.
        if np.array_equal(labels, classes):
            return labels
    raise TypeError(
        f"ONNX has labels that are strings or integers, got {classes.tolist()}: fit "
        "with such labels, as sklearn.preprocessing.LabelEncoder makes them."
    )


def convert(scope: Any, operator: Any, container: Any) -> None:
    """Add the nodes of a model: scores, and labels of the largest."""
    from skl2onnx.common.data_types import guess_proto_type, guess_tensor_type

    model, source = operator.raw_operator, operator.inputs[0]
    label, decisions = (output.full_name for output in operator.outputs)
    kind = guess_proto_type(guess_tensor_type(source.type))
    nodes = _Nodes(scope, container)
    rows = source.full_name
    if guess_proto_type(source.type) != kind:
        rows = nodes.add("Cast", [rows], to=kind)
    dtype = nodes.dtype_of(kind)
    coef = nodes.constant("coef", model._dense_coef().T.astype(dtype))
    intercept = nodes.constant("intercept", model.intercept_.astype(dtype))
    scores = nodes.add("Add", [nodes.add("MatMul", [rows, coef]), intercept])
    if len(model.classes_) > 2:
        places = nodes.add("ArgMax", [scores], axis=1, keepdims=0)
    else:
        zero = nodes.constant("zero", np.zeros(1, dtype))
        is_second = nodes.add("Greater", [scores, zero])
        column = nodes.add("Cast", [is_second], to=nodes.kind_of(np.int64))
        places = nodes.add("Reshape", [column, nodes.constant("flat", np.array([-1]))])
        if _has_raw_scores(scope, model):
            negated = nodes.add("Neg", [scores])
            scores = nodes.add("Concat", [negated, scores], axis=1)
    nodes.add("Identity", [scores], decisions)
    classes = nodes.constant("classes", labels_of(model.classes_))
    nodes.add("Gather", [classes, places], label, axis=0)


def _has_raw_scores(scope: Any, model: Any) -> bool:
    """Whether two classes shall have a column of scores each."""
    return bool(scope.get_options(model, {"raw_scores": False})["raw_scores"])


class _Nodes:
    """Adds nodes and constants, with names of their own, to a graph."""

    def __init__(self, scope: Any, container: Any) -> None:
        self._scope, self._container = scope, container

    @staticmethod
    def kind_of(dtype: Any) -> int:
        """Return ONNX's number of a type of NumPy."""
        from onnx.helper import np_dtype_to_tensor_dtype

        return int(np_dtype_to_tensor_dtype(np.dtype(dtype)))

    @staticmethod
    def dtype_of(kind: int) -> np.dtype[Any]:
        """Return the type of NumPy that ONNX gives a number."""
        from onnx.helper import tensor_dtype_to_np_dtype

        dtype: np.dtype[Any] = tensor_dtype_to_np_dtype(kind)
        return dtype

    def constant(self, name: str, values: NDArray[Any]) -> str:
        """Add an array and return its name."""
        from onnx import TensorProto
        from onnx.numpy_helper import from_array

        full: str = self._scope.get_unique_variable_name(name)
        if values.dtype.kind == "U":
            texts = [text.encode() for text in values.tolist()]
            self._container.add_initializer(
                full, TensorProto.STRING, [len(texts)], texts
            )
        else:
            # The bytes of the array, which lists of numbers would take long to be.
            tensor = from_array(np.ascontiguousarray(values))
            kind = self.kind_of(values.dtype)
            self._container.add_initializer(full, kind, list(values.shape), tensor)
        return full

    def add(
        self, kind: str, inputs: list[str], output: str | None = None, **attributes: Any
    ) -> str:
        """Add a node and return the name of its output."""
        if output is None:
            output = self._scope.get_unique_variable_name(kind.lower())
        name = self._scope.get_unique_operator_name(kind)
        self._container.add_node(kind, inputs, [output], name=name, **attributes)
        return str(output)
