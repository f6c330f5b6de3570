"""Claims about the dependency graph, against slow and obvious definitions."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from framework0.errors import UsageError
from framework0.graph import Graph, ReadySet

calm = settings(deadline=None, max_examples=100)


@st.composite
def acyclic(draw):
    """Draw a graph whose edges follow a hidden permutation, so that it cannot loop."""
    size = draw(st.integers(0, 12))
    hidden = draw(st.permutations(range(size)))
    before = [[] for _ in range(size)]
    for place, node in enumerate(hidden):
        if place:
            chosen = st.lists(st.sampled_from(hidden[:place]), max_size=4)
            before[node] = draw(chosen)
    return before


@st.composite
def any_graph(draw):
    size = draw(st.integers(1, 8))
    node = st.integers(0, size - 1)
    return [draw(st.lists(node, max_size=3)) for _ in range(size)]


def loops(before):
    """Say for each node whether it can reach itself, by walking everywhere."""
    graph = Graph(before)
    return {node for node in range(len(before)) if node in graph.upstream([node])}


@calm
@given(acyclic())
def test_order_holds_every_node_once_and_after_all_it_depends_on(before):
    order = Graph(before).order()
    assert sorted(order) == list(range(len(before)))
    place = {node: at for at, node in enumerate(order)}
    assert all(place[other] < place[node] for node in range(len(before)) for other in before[node])


@calm
@given(acyclic(), st.data())
def test_with_a_rank_the_lowest_of_the_ready_comes_next(before, data):
    rank = [data.draw(st.integers(-3, 3)) for _ in before]
    done = set()
    for node in Graph(before).order(rank):
        ready = [n for n in range(len(before)) if n not in done and done.issuperset(before[n])]
        assert node == min(ready, key=lambda n: (rank[n], n))
        done.add(node)
    assert len(done) == len(before)


@calm
@given(acyclic())
def test_a_level_is_one_more_than_the_deepest_dependency(before):
    levels = Graph(before).levels()
    level = {node: depth for depth, layer in enumerate(levels) for node in layer}
    assert len(level) == len(before)
    assert all(layer == sorted(layer) for layer in levels)
    for node, others in enumerate(before):
        assert level[node] == max((level[other] + 1 for other in others), default=0)


@calm
@given(any_graph())
def test_every_looping_node_set_gives_one_cycle_and_each_cycle_is_real(before):
    graph = Graph(before)
    cycles = graph.cycles()
    looping = loops(before)
    for cycle in cycles:
        assert cycle[0] == cycle[-1]
        assert len(set(cycle)) == len(cycle) - 1
        assert all(after in before[node] for node, after in itertools.pairwise(cycle))
        together = {n for n in looping if cycle[0] in graph.upstream([n])} & graph.upstream(cycle)
        assert cycle[0] == min(together)
        looping -= together
    assert not looping


@calm
@given(any_graph())
def test_a_graph_has_an_order_exactly_when_it_has_no_cycle(before):
    graph = Graph(before)
    if graph.cycles():
        with pytest.raises(UsageError, match="→"):
            graph.order()
    else:
        assert len(graph.order()) == len(before)


@calm
@given(acyclic())
def test_finishing_in_any_ready_order_starts_every_node_once(before):
    ready = ReadySet(Graph(before))
    started = list(ready.first)
    for node in started:
        started.extend(ready.finish(node))
    assert sorted(started) == list(range(len(before)))


@calm
@given(acyclic(), st.data())
def test_critical_path_is_the_longest_of_all_paths(before, data):
    lengths = [data.draw(st.integers(0, 9)) for _ in before]
    total, path = Graph(before).critical_path(lengths)
    best = {}
    for node in Graph(before).order():
        best[node] = lengths[node] + max((best[other] for other in before[node]), default=0)
    assert total == max(best.values(), default=0)
    assert sum(lengths[node] for node in path) == total
    assert all(first in before[then] for first, then in itertools.pairwise(path))


@calm
@given(acyclic(), st.integers(1, 3))
def test_precedes_agrees_with_walking_upstream(before, at_once):
    graph = Graph(before)
    pairs = list(itertools.product(range(len(before)), repeat=2))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("framework0.graph.ASKED_AT_ONCE", at_once)
        answers = graph.precedes(pairs)
    assert answers == [one in graph.upstream([other]) for one, other in pairs]


def test_a_node_that_depends_on_itself_is_a_cycle_of_one():
    assert Graph([[], [1, 0]]).cycles() == [[1, 1]]


def test_the_cycle_shown_is_the_shortest_through_its_lowest_node():
    before = [[1], [2], [3, 0], [0]]
    assert Graph(before).cycles() == [[0, 1, 2, 0]]


def test_what_only_waits_for_a_loop_is_not_part_of_it():
    graph = Graph([[1], [0], [1], [2]])
    assert graph.cycles() == [[0, 1, 0]]


def test_separate_loops_are_all_found():
    assert Graph([[1], [0], [2], [4], [3], [0, 3]]).cycles() == [[0, 1, 0], [2, 2], [3, 4, 3]]


def test_upstream_and_downstream_follow_edges_to_the_end():
    graph = Graph([[], [0], [1], [1], [0]])
    assert graph.upstream([2]) == {0, 1}
    assert graph.downstream([1]) == {2, 3}
    assert graph.downstream([2]) == set()


def test_an_edge_out_of_the_graph_is_refused():
    with pytest.raises(IndexError):
        Graph([[7]])


def test_a_hundred_thousand_nodes_in_one_chain_need_no_recursion():
    size = 100_000
    chain = [[]] + [[node] for node in range(size - 1)]
    graph = Graph(chain)
    assert graph.order() == list(range(size))
    assert len(graph.levels()) == size
    assert graph.critical_path([1.0] * size)[0] == size


def test_a_loop_of_a_hundred_thousand_nodes_is_found_whole():
    size = 100_000
    loop = [[(node + 1) % size] for node in range(size)]
    assert Graph(loop).cycles() == [[*range(size), 0]]


def test_an_empty_graph_has_no_order_no_levels_and_no_path():
    graph = Graph([])
    assert len(graph) == 0
    assert (graph.order(), graph.levels(), graph.cycles()) == ([], [], [])
    assert graph.critical_path([]) == (0.0, [])
