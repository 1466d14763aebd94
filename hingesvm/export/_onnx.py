"""The door to ONNX: skl2onnx is told how HingeSVC is converted."""

from __future__ import annotations

from importlib import import_module

__all__ = ["register_onnx"]


def register_onnx() -> None:
    """Let skl2onnx convert HingeSVC and HingeSVCCV.

    After it, ``skl2onnx.to_onnx`` and ``convert_sklearn`` take both, alone, at the end
    of pipelines and directly inside CalibratedClassifierCV. It may be called again.

    Raises
    ------
    ImportError
        If skl2onnx is not installed.

    See Also
    --------
    to_linear_svc : For other tools; skl2onnx converts LinearSVC in float32 only.

    Notes
    -----
    The graph has two outputs. "label" are the labels: strings, or integers as int64 (of
    booleans and whole floats, too). "decisions" are the values of `decision_function`
    and no probabilities, of shape (n_samples, n_classes), or (n_samples, 1) for two
    classes. There is no ZipMap, whatever the option "zipmap" says.

    Arithmetic is in the type of the input: float64 for ``DoubleTensorType``, and
    otherwise float32, to which the weights are rounded. Of equal scores the first class
    is predicted, and of a score of 0 ``classes_[0]``, as by `predict`.

    With the option ``raw_scores=True`` two classes have a column each, minus the score
    and the score, as LinearSVC has then.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from hingesvm import HingeSVC
    >>> from hingesvm.export import register_onnx
    >>> X, y = load_iris(return_X_y=True)
    >>> clf = HingeSVC().fit(X, y)
    >>> register_onnx()  # doctest: +SKIP
    >>> from skl2onnx import to_onnx  # doctest: +SKIP
    >>> onx = to_onnx(clf, X[:1])  # doctest: +SKIP
    >>> [output.name for output in onx.graph.output]  # doctest: +SKIP
    ['label', 'decisions']
    """
    try:
        import_module("skl2onnx")
    except ImportError as error:
        raise ImportError(
            "register_onnx needs skl2onnx, which is not installed: "
            'python -m pip install "hingesvm[onnx]"'
        ) from error
    from hingesvm.export._onnx_graph import register

    register()
