"""Tests of nasframe's contracts for both parts."""

from nasframe import Architecture, option
from nasframe.testing import ControllerContract, SearchSpaceContract


class TestMixer(SearchSpaceContract):
    def config(self):
        return option("search_space", "mixer")


class TestAnnealing(ControllerContract):
    def config(self):
        return option("controller", "annealing")


def test_a_layer_that_is_not_there_makes_no_difference():
    space = option("search_space", "mixer").build()
    one, other = (Architecture((0, 0, 0, skip, 1, 0)) for skip in (0, 1))
    assert space.canonical(one) == space.canonical(other)
