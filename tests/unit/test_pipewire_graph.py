"""Who uses which camera, from objects in the shape in which pw-dump tells them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from camguard.platform.linux.pipewire.graph import MANY, TEXT_LIMIT, Client, Graph, Link

MANAGER = 31
CAMERA, DEVICE = 36, 34


def told(kind: str, id_: int, info: dict[str, Any], **properties: Any) -> dict[str, Any]:
    properties = {key.replace("__", "."): value for key, value in properties.items()}
    serial = properties.pop("serial", id_ + 1000)
    info = {**info, "props": {"object.id": id_, "object.serial": serial, **properties}}
    return {"id": id_, "type": f"PipeWire:Interface:{kind}", "version": 3, "info": info}


def client(id_: int, pid: int, **properties: Any) -> dict[str, Any]:
    return told("Client", id_, {}, **{"pipewire__sec__pid": pid, "pipewire__sec__uid": 1000, **properties})


def node(id_: int, client_id: int | None, class_: str = "Stream/Input/Video", **properties: Any) -> dict[str, Any]:
    made = {} if client_id is None else {"client__id": client_id}
    return told("Node", id_, {"state": "running"}, **{"media__class": class_, **made, **properties})


def camera(id_: int = CAMERA, **properties: Any) -> dict[str, Any]:
    properties = {"media__role": "Camera", "api__v4l2__path": "/dev/video0", "node__name": "v4l2_input", **properties}
    return node(id_, MANAGER, "Video/Source", **properties)


def link(id_: int, source: int, sink: int, state: str = "active", **properties: Any) -> dict[str, Any]:
    return told("Link", id_, {"output-node-id": source, "input-node-id": sink, "state": state}, **properties)


def graph(*objects: dict[str, Any]) -> Graph:
    made = Graph()
    for each in (client(MANAGER, 300), camera(), *objects):
        made.apply(each)
    return made


def users(of: Graph) -> list[tuple[int | None, tuple[int, ...]]]:
    return [
        (None if consumer.client is None else consumer.client.pid, tuple(link.id for link in consumer.links))
        for use in of.uses()
        for consumer in use.consumers
    ]


def test_a_camera_is_used_by_the_clients_at_the_other_end_of_its_active_links() -> None:
    made = graph(
        *(client(40, 500), node(41, 40), link(42, CAMERA, 41)),
        *(client(50, 600), node(51, 50), link(52, CAMERA, 51), node(53, 50), link(54, CAMERA, 53)),
        *(client(60, 700), node(61, 60), link(62, CAMERA, 61, "paused")),
    )
    assert users(made) == [(500, (42,)), (600, (52, 54))]
    (use,) = made.uses()
    assert (use.node.path, use.node.name) == ("/dev/video0", "v4l2_input")
    assert use.node.client is not None
    assert use.node.client.pid == 300
    assert use.consumers[0].links == (Link(42, 1042),)
    assert use.consumers[0].serial == 1040


@pytest.mark.parametrize(
    "other",
    [
        node(70, MANAGER, "Video/Source"),  # what a screen cast is
        node(70, MANAGER, "Video/Source", media__role="Screen"),
        node(70, MANAGER, "Video/Source", media__role=True),
        node(70, MANAGER, "Stream/Output/Video", media__role="Camera"),
        node(70, MANAGER, "Audio/Source", media__role="Camera"),
    ],
)
def test_what_is_no_camera_is_none(other: dict[str, Any]) -> None:
    (use,) = graph(other, client(40, 500), node(41, 40), link(42, 70, 41)).uses()
    assert use.node.id == CAMERA
    assert not use.consumers


def test_order_does_not_matter() -> None:
    objects = [client(MANAGER, 300), camera(), client(40, 500), node(41, 40), link(42, CAMERA, 41)]
    made = Graph()
    for each in reversed(objects):
        made.apply(each)
    assert users(made) == [(500, (42,))]


def test_what_a_node_says_of_itself_is_not_believed() -> None:
    liar = node(41, 40, pipewire__sec__pid=1, application__process__id=1, application__name="firefox")
    assert users(graph(client(40, 500), liar, link(42, CAMERA, 41))) == [(500, (42,))]


def test_the_clients_own_words_are_kept_as_such_and_cut_short() -> None:
    made = graph(
        client(40, 500, application__name="x" * 5000, pipewire__access="portal", pipewire__access__portal__app_id=42),
        *(node(41, 40), link(42, CAMERA, 41)),
    )
    found = made.uses()[0].consumers[0].client
    assert found == Client(40, 1040, 500, 1000, "portal", "42", "x" * TEXT_LIMIT)


def test_an_id_that_passes_to_another_object_is_another_object() -> None:
    made = graph(client(40, 500), node(41, 40), link(42, CAMERA, 41))
    before = made.uses()[0].consumers[0]
    assert before.client is not None
    assert made.holds(before.links[0], before.client)
    made.apply(client(40, 666, serial=9000))
    made.apply(link(42, CAMERA, 41, serial=9001))
    assert made.uses()[0].consumers[0].serial == 9000
    assert not made.has(before.links[0])
    assert not made.holds(before.links[0], before.client)
    assert not made.holds(Link(42, 9001), before.client)
    made.apply(node(42, 40))  # a node now
    assert not users(made)


@pytest.mark.parametrize("gone", [{"id": 42, "info": None}, {"id": CAMERA, "info": None}])
def test_a_removal_ends_the_use(gone: dict[str, Any]) -> None:
    made = graph(client(40, 500), node(41, 40), link(42, CAMERA, 41))
    made.apply(gone)
    assert not users(made)


@pytest.mark.parametrize("gone", [40, 41])
def test_a_use_whose_user_is_not_known_is_still_a_use(gone: int) -> None:
    made = graph(client(40, 500), node(41, 40), link(42, CAMERA, 41))
    made.apply({"id": gone, "info": None})
    assert users(made) == [(None, (42,))]


def test_a_camera_that_the_server_made_and_one_whose_maker_is_not_known() -> None:
    mine = node(70, None, "Video/Source", media__role="Camera")
    orphan = node(71, 99, "Video/Source", media__role="Camera")
    forged = node(72, None, "Video/Source", media__role="Camera", client__id="nonsense")
    made = graph(mine, orphan, forged, node(41, 40), link(80, 70, 41), link(81, 71, 41), link(82, 72, 41))
    _, *others = made.uses()
    assert [(use.node.client, use.node.orphaned) for use in others] == [(None, False), (None, True), (None, True)]


@pytest.mark.parametrize(
    ("properties", "path", "numbers"),
    [
        ({"api__v4l2__path": "/dev/video2"}, "/dev/video2", ()),
        ({"api__v4l2__path": None, "object__path": "v4l2:/dev/video3"}, "/dev/video3", ()),
        ({"api__v4l2__path": None, "object__path": "libcamera:/base"}, None, ()),
        ({"api__v4l2__path": "video2"}, None, ()),
        ({"api__v4l2__path": None, "device__devids": "20736 20737 "}, None, (20736, 20737)),
        ({"api__v4l2__path": None, "device__devids": 20736}, None, (20736,)),
        ({"api__v4l2__path": None, "device__devids": "٣ -1 x 7"}, None, (7,)),
        ({"api__v4l2__path": None, "device__id": DEVICE}, None, (20738,)),
    ],
)
def test_which_device_it_is(properties: dict[str, Any], path: str | None, numbers: tuple[int, ...]) -> None:
    device = told("Device", DEVICE, {}, device__devids="20738")
    made = graph(device, camera(**properties), client(40, 500), node(41, 40), link(42, CAMERA, 41))
    (use,) = made.uses()
    assert (use.node.path, use.node.numbers) == (path, numbers)


def test_there_is_an_end_to_what_is_kept() -> None:
    made = Graph()
    for id_ in range(MANY + 50):
        made.apply(node(id_, 1))
    assert len(made._nodes) == MANY


ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner, max_size=2),
)
KEYS = ["object.serial", "client.id", "media.class", "media.role", "device.devids", "api.v4l2.path", "object.path",
        "pipewire.sec.pid", "application.name", "node.name", "device.id"]  # fmt: skip
INFOS = st.fixed_dictionaries(
    {"props": ANY | st.dictionaries(st.sampled_from(KEYS), ANY | st.sampled_from([1, 2, "Camera", "Video/Source"]))},
    optional={"state": ANY | st.just("active"), "output-node-id": ANY | st.just(1), "input-node-id": ANY | st.just(2)},
)
TYPES = st.sampled_from(["Node", "Link", "Client", "Device", "Core"]).map("PipeWire:Interface:{}".format)
STRANGE = st.fixed_dictionaries({"id": ANY | st.integers(0, 3)}, optional={"type": TYPES | ANY, "info": INFOS | ANY})


@given(st.lists(STRANGE, max_size=12))
def test_whatever_is_told_is_taken(objects: list[dict[str, Any]]) -> None:
    made = Graph()
    for each in objects:
        made.apply(each)
        for use in made.uses():
            assert all(consumer.links for consumer in use.consumers)
