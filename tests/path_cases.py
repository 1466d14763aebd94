"""What the tests of paths of C share: costs, and what a display shows."""

import numpy as np

from hingesvm.inspection import RegularizationPathDisplay

CS = [0.001, 0.01, 0.1, 1.0]
from_estimator = RegularizationPathDisplay.from_estimator
from_path = RegularizationPathDisplay.from_path


def legend_of(display):
    return [text.get_text() for text in display.axes_[0].get_legend().get_texts()]


def names_of(display):
    return [text.get_text() for text in display.name_texts_]


def heights(lines):
    return np.array([line.get_ydata() for line in lines])


def looks(lines):
    return {(line.get_marker(), line.get_linestyle()) for line in lines}


def assert_draws(display):
    """Assert that nothing warns or fails before there are pixels."""
    display.figure_.canvas.draw()
