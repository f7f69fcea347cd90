"""Calls and messages: what is sent is what arrives, and whatever else arrives is a bad request and nothing worse."""

from __future__ import annotations

import json
import re
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from camguard import errors
from camguard.errors import BadRequest, CamguardError, ConfigError, GuardRunning, Refused
from camguard.ipc import calls, failures, protocol
from camguard.ipc.calls import Call
from camguard.ipc.protocol import Event, Failure, Greeting, MalformedCall, MalformedMessage, Reply, Resync
from tests.support.ipc_data import CALLS, EXAMPLES, JSON, OBJECTS, OF_EACH_KIND

KNOWN = {str(kind.__struct_config__.tag) for kind in get_args(Call)}


def every_error(root: type[CamguardError] = CamguardError) -> set[type[CamguardError]]:
    """All errors of camguard's own module."""
    below = (every_error(kind) for kind in root.__subclasses__() if kind.__module__ == errors.__name__)
    return {root}.union(*below)


def malformed(frame: bytes) -> MalformedCall:
    with pytest.raises(MalformedCall) as raised:
        protocol.decode_call(frame)
    return raised.value


# What is sent is what arrives.


@pytest.mark.parametrize("kind", sorted(KNOWN))
@given(data=st.data())
def test_a_call_arrives_as_it_was_sent(kind: str, data: st.DataObject) -> None:
    call = data.draw(OF_EACH_KIND[kind])
    frame = protocol.encode_call(call)
    assert frame.endswith(b"\n")
    assert frame.count(b"\n") == 1
    assert protocol.decode_call(frame[:-1]) == call
    assert protocol.name_of(call) == kind


def test_there_is_an_example_of_every_call() -> None:
    assert EXAMPLES.keys() == OF_EACH_KIND.keys() == KNOWN == protocol.CALLS


def test_the_most_uses_that_may_be_ended_at_once_fit_into_a_call() -> None:
    longest = calls.UseRef("c" * 512, 2**31 - 1, 2**63 - 1, "b" * 64)
    call = calls.End((longest,) * calls.MAX_REFS, id=2**53 - 1)
    assert protocol.decode_call(protocol.encode_call(call)[:-1]) == call


def test_a_call_that_is_too_long_is_not_sent() -> None:
    too_long = calls.End((calls.UseRef("\x01" * 512, 1, 1, "b"),) * calls.MAX_REFS)
    with pytest.raises(BadRequest, match="too much at once"):
        protocol.encode_call(too_long)


@given(st.integers(0, 2**53 - 1), OBJECTS)
def test_a_reply_arrives_as_it_was_sent(id_: int, result: dict[str, Any]) -> None:
    assert protocol.decode_message(protocol.reply(id_, result)[:-1]) == Reply(id_, result)


@given(OBJECTS)
def test_an_event_arrives_as_it_was_sent(line: dict[str, Any]) -> None:
    sent = protocol.event(line)
    assert sent is not None
    assert protocol.decode_message(sent[:-1]) == Event(line)


@given(st.integers(1, 2**53 - 1), st.none() | st.integers(0, 2**53 - 1))
def test_a_resync_arrives_as_it_was_sent(missed: int, last_seq: int | None) -> None:
    assert protocol.decode_message(protocol.resync(missed, last_seq)[:-1]) == Resync(missed, last_seq)


def test_the_greeting_arrives_as_it_was_sent() -> None:
    assert json.loads(protocol.greeting("1.2.3")) == {"camguard": "1.2.3", "protocol": 1}
    assert protocol.decode_message(protocol.greeting("1.2.3")[:-1]) == Greeting("1.2.3", 1)


def test_what_no_utf8_can_carry_is_written_out() -> None:
    sent = protocol.reply(1, {"name": "a\udcff", "more": ["\ud800"]})
    assert json.loads(sent) == {"id": 1, "result": {"name": "a\\udcff", "more": ["\\ud800"]}}


def test_an_answer_that_is_too_long_is_an_error() -> None:
    room = protocol.MAX_MESSAGE + 1 - len(protocol.reply(1, {"x": ""}))
    assert len(protocol.reply(1, {"x": "y" * room})) == protocol.MAX_MESSAGE + 1
    with pytest.raises(CamguardError, match="ask for less"):
        protocol.reply(1, {"x": "y" * (room + 1)})


def test_an_event_that_is_too_long_is_none() -> None:
    assert protocol.event({"x": "y" * protocol.MAX_MESSAGE}) is None


@given(st.integers(0, 40), st.integers(0, 60_000))
def test_a_page_always_fits_into_a_reply(count: int, size: int) -> None:
    records = [{"number": number, "text": "x" * size} for number in range(count)]
    taken, more = protocol.page(records)
    sent = protocol.reply(1, {"schema": 1, "records": taken, "more": more})
    arrived = protocol.decode_message(sent[:-1])
    assert isinstance(arrived, Reply)
    assert arrived.result["records"] == records[: len(taken)]
    assert more == (len(taken) < count)
    assert taken or not count


# Errors.


def test_every_error_has_a_code_of_its_own() -> None:
    assert set(failures._CLASSES.values()) == every_error()
    assert len(set(failures._CLASSES.values())) == len(failures._CLASSES)


@given(st.sampled_from(sorted(every_error(), key=str)), st.text(max_size=60), st.integers(1, 255))
def test_an_error_arrives_with_class_message_and_exit_code(
    kind: type[CamguardError], message: str, exit_code: int
) -> None:
    error = GuardRunning(message, 4711) if kind is GuardRunning else kind(message)
    error.exit_code = exit_code
    arrived = protocol.decode_message(protocol.failure(7, error)[:-1])
    assert isinstance(arrived, Failure)
    assert arrived.id == 7
    raised = failures.error_of(arrived.error)
    assert type(raised) is kind
    assert str(raised) == message.encode("utf-8", "backslashreplace").decode()
    assert raised.exit_code == exit_code


def test_an_error_keeps_the_exit_code_of_its_class() -> None:
    assert failures.error_of(failures.body_of(ConfigError("no"))).exit_code == 2


def test_an_error_of_a_class_below_arrives_as_the_class_above() -> None:
    class Special(Refused):
        pass

    assert type(failures.error_of(failures.body_of(Special("no")))) is Refused


def test_an_error_of_a_code_that_is_not_known_is_an_error_still() -> None:
    error = failures.error_of(failures.ErrorBody("of-tomorrow", "no", 5))
    assert (type(error), str(error), error.exit_code) == (CamguardError, "no", 5)


def test_a_long_message_is_cut() -> None:
    assert len(protocol.failure(None, Refused("x" * 10**6))) < protocol.MAX_REQUEST


# Whatever else arrives.

SPOILT = {
    "nothing": b"",
    "white space": b"   ",
    "no object": b"[1]",
    "a text": b'"ping"',
    "no JSON": b"ping",
    "half an object": b'{"call":"ping"',
    "two objects": b'{"call":"ping"}{"call":"ping"}',
    "a byte order mark": b'\xef\xbb\xbf{"call":"ping"}',
    "UTF-16": '{"call":"ping"}'.encode("utf-16-le"),
    "no UTF-8": b'{"call":"uses","target":"\xff"}',
    "an overlong form": b'{"call":"uses","target":"\xc0\x80"}',
    "a surrogate in UTF-8": b'{"call":"uses","target":"\xed\xa0\x80"}',
    "a lone surrogate": b'{"call":"uses","target":"a\\ud800b"}',
    "surrogates the wrong way round": b'{"call":"uses","target":"\\udc00\\ud800"}',
    "NUL": b'{"call":"uses","target":"a\\u0000b"}',
    "NUL after a backslash": b'{"call":"uses","target":"a\\\\\\u0000b"}',
    "a raw control": b'{"call":"uses","target":"a\x01b"}',
    "NUL before": b'\0{"call":"ping"}',
    "no call": b'{"id":1}',
    "an unknown call": b'{"id":1,"call":"reboot"}',
    "a call that is no text": b'{"id":1,"call":1}',
    "an unknown key": b'{"call":"ping","x":1}',
    "an unknown key inside": b'{"call":"add-rule","rule":{"effect":"allow","efect":"block"}}',
    "the same key twice": b'{"call":"uses","target":"a","target":"b"}',
    "the same key twice, written otherwise": b'{"call":"uses","target":"a","t\\u0061rget":"b"}',
    "the same key twice, the id": b'{"id":1,"call":"ping","id":1}',
    "the same key twice, the call": b'{"call":"ping","call":"ping"}',
    "the same key twice, inside": b'{"call":"explain","app":{"kind":"package","id":"a","id":"b"}}',
    "an id below zero": b'{"call":"ping","id":-1}',
    "an id too large": b'{"call":"ping","id":9007199254740992}',
    "an id that is huge": b'{"call":"ping","id":' + b"9" * 20_000 + b"}",
    "an id that is no number": b'{"call":"ping","id":"1"}',
    "an id with a point": b'{"call":"ping","id":1.5}',
    "an id that is null": b'{"call":"ping","id":null}',
    "an id that is true": b'{"call":"ping","id":true}',
    "NaN": b'{"call":"switch","power":"on","for_s":NaN}',
    "infinity": b'{"call":"switch","power":"on","for_s":Infinity}',
    "a number without end": b'{"call":"switch","power":"on","for_s":1e999}',
    "too short a pass": b'{"call":"switch","power":"on","for_s":0.5}',
    "too long a pass": b'{"call":"switch","power":"on","for_s":2678401}',
    "an unknown power": b'{"call":"switch","power":"dim"}',
    "a flag that is a number": b'{"call":"switch","power":"on","whole":1}',
    "no use": b'{"call":"end","uses":[]}',
    "too many uses": msgspec.json.encode(
        {"call": "end", "uses": [{"camera": "c", "pid": 1, "start_ticks": 1, "boot_id": "b"}] * 65}
    ),
    "half a use": b'{"call":"end","uses":[{"camera":"c","pid":1}]}',
    "pid 0": b'{"call":"end","uses":[{"camera":"c","pid":0,"start_ticks":1,"boot_id":"b"}]}',
    "an empty target": b'{"call":"uses","target":""}',
    "a target too long": msgspec.json.encode({"call": "uses", "target": "x" * 257}),
    "too many kinds": msgspec.json.encode({"call": "subscribe", "kinds": ["alert"] * 65}),
    "a limit of none": b'{"call":"log","limit":0}',
    "too high a limit": b'{"call":"log","limit":501}',
    "a time before 1970": b'{"call":"log","since":-1}',
    "a time that no log has": b'{"call":"log","since":9223372036854775808}',
    "a time without offset": b'{"call":"add-rule","rule":{"effect":"allow","until":"2030-01-01T00:00:00"}}',
    "the year 1": b'{"call":"add-rule","rule":{"effect":"allow","until":"0001-01-01T00:00:00+10:00"}}',
    "the year 9999": b'{"call":"add-rule","rule":{"effect":"allow","until":"9999-12-31T23:59:59-10:00"}}',
    "a hash in capitals": msgspec.json.encode({"call": "add-rule", "rule": {"effect": "allow", "sha256": "A" * 64}}),
    "a hash and a line's end": msgspec.json.encode(
        {"call": "add-rule", "rule": {"effect": "allow", "sha256": "a" * 64 + "\n"}}
    ),
    "deep lists": b'{"call":"ping","x":' + b"[" * 60_000,
    "deep lists that end": b'{"call":"ping","x":' + b"[" * 30_000 + b"]" * 30_000 + b"}",
    "deep objects": b'{"call":"ping","x":' + b'{"a":' * 12_000,
    "deep from the start": b"[" * 65_536,
}


@pytest.mark.parametrize("frame", SPOILT.values(), ids=SPOILT.keys())
def test_what_is_no_call_is_a_bad_request(frame: bytes) -> None:
    error = malformed(frame)
    assert isinstance(error, BadRequest)
    assert len(str(error)) < 250
    assert error.call in {*KNOWN, protocol.UNKNOWN_CALL}


def test_a_bad_request_says_whose_it_was_as_far_as_it_can_be_read() -> None:
    error = malformed(b'{"id":17,"call":"uses","target":5}')
    assert (error.id, error.call) == (17, "uses")
    error = malformed(b'{"id":18,"call":"rm -rf \\u001b[2J"}')
    assert (error.id, error.call) == (18, protocol.UNKNOWN_CALL)
    error = malformed(b'{"id":-1,"call":"ping"}')
    assert (error.id, error.call) == (None, protocol.UNKNOWN_CALL)


def test_a_text_about_nul_is_a_text() -> None:
    call = protocol.decode_call(b'{"call":"uses","target":"C:\\\\u0000"}')
    assert call == calls.Uses("C:\\u0000")


def decoded(frame: bytes) -> Call | None:
    try:
        return protocol.decode_call(frame)
    except MalformedCall:
        return None


@given(st.binary(max_size=300))
def test_random_bytes_are_a_bad_request(frame: bytes) -> None:
    assert decoded(frame) is None


@given(JSON)
def test_random_json_is_a_bad_request(value: object) -> None:
    assert decoded(json.dumps(value).encode()) is None


@given(st.sampled_from(sorted(KNOWN)), st.dictionaries(st.sampled_from(["id", "target", "uses", "x"]), JSON))
def test_a_call_of_random_values_is_a_bad_request_or_within_bounds(name: str, values: dict[str, object]) -> None:
    call = decoded(json.dumps({"call": name, **values}).encode())
    if call is not None:
        assert protocol.decode_call(protocol.encode_call(call)[:-1]) == call


@given(CALLS, st.data())
def test_a_spoilt_call_is_a_bad_request_or_another_call(call: Call, data: st.DataObject) -> None:
    frame = bytearray(protocol.encode_call(call)[:-1])
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(frame) - 1))
        frame[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
        if not frame:
            break
    found = decoded(bytes(frame))
    if found is not None:
        assert protocol.decode_call(protocol.encode_call(found)[:-1]) == found


@given(CALLS)
def test_a_call_with_a_key_more_is_a_bad_request(call: Call) -> None:
    frame = protocol.encode_call(call)[:-2] + b',"more":null}'
    assert re.search(rb"[{,]$", frame[:-13]) is None  # the comma is right: it is the key that is too much
    assert decoded(frame) is None


@given(st.binary(max_size=300) | JSON.map(lambda value: json.dumps(value).encode()))
def test_what_is_no_message_is_told_to_be_none(frame: bytes) -> None:
    with pytest.raises(MalformedMessage):
        protocol.decode_message(frame)


@pytest.mark.parametrize(
    "frame",
    [
        b'{"id":1}',
        b'{"id":1,"result":5}',
        b'{"id":1,"result":{},"event":{}}',
        b'{"id":1,"result":' + b'{"a":' * 30_000,
        b'{"camguard":"1","protocol":"1"}',
        b'{"resync":{"missed":0,"last_seq":1}}',
        b'{"id":1,"error":{"code":"refused","message":"no","exit_code":0}}',
    ],
)
def test_a_spoilt_message_is_told_to_be_none(frame: bytes) -> None:
    with pytest.raises(MalformedMessage):
        protocol.decode_message(frame)
