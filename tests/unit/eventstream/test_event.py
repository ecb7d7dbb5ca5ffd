"""
Rules of valid events.
"""

import dataclasses
import json
import math

from twisted.trial.unittest import SynchronousTestCase

from ssetwist import Event, InvalidEvent, SSETwistError

#: Everything that breaks a line for ``str.splitlines`` but not in an event stream.
NO_LINE_BREAKS = "\v\f\x1c\x1d\x1e\x85\u2028\u2029"


class EventTests(SynchronousTestCase):
    """
    Rules for the fields of an event: every event that can be made can be written.
    """

    def refused(self, field: str, **values: object) -> InvalidEvent:
        """
        Check that an event with a wrong field is refused because of this field, and return the
        error.
        """
        error = self.assertRaises(InvalidEvent, Event, **values)
        self.assertEqual(field, error.field, values)
        self.assertTrue(str(error).startswith(f"{field} "), str(error))
        return error

    def test_defaults(self) -> None:
        """
        An event without arguments has empty data, the default type, and neither id nor retry.
        """
        event = Event()
        self.assertEqual(
            ("", "message", None, None), (event.data, event.type, event.id, event.retry)
        )

    def test_data_first(self) -> None:
        """
        Only the data may be a positional argument, as everybody writes it.
        """
        self.assertEqual(Event(data="a"), Event("a"))

    def test_frozen(self) -> None:
        """
        An event cannot be changed after it was checked.
        """
        event = Event("a")
        for field in dataclasses.fields(event):
            with self.assertRaises(dataclasses.FrozenInstanceError):
                setattr(event, field.name, "b")

    def test_value(self) -> None:
        """
        Equal events are one element of a set.
        """
        self.assertEqual(1, len({Event("a", id="1"), Event("a", id="1")}))

    def test_any_data(self) -> None:
        """
        Data may be any text, even with line breaks, NUL, byte order marks and control characters.
        """
        for data in ("", "\r\n", "\0", "\ufeff", NO_LINE_BREAKS, "\ud7ff\ue000\U0010ffff", "id: 1"):
            self.assertEqual(data, Event(data).data)

    def test_type_and_id_with_any_character_but_line_breaks(self) -> None:
        """
        A type and an id may have any character but line breaks.
        """
        text = f" a: b\t\ufeffé😀{NO_LINE_BREAKS}"
        event = Event(type=text, id=text)
        self.assertEqual((text, text), (event.type, event.id))

    def test_type_with_line_break(self) -> None:
        """
        A type cannot smuggle in another field.
        """
        for type in ("a\nid: 1", "a\rid: 1", "a\r\nid: 1", "\n", "a\n"):
            self.refused("type", type=type)

    def test_id_with_line_break(self) -> None:
        """
        An id cannot smuggle in another field.
        """
        for id in ("1\ndata: a", "1\rdata: a", "1\r\ndata: a", "\r", "1\n"):
            self.refused("id", id=id)

    def test_empty_type(self) -> None:
        """
        An empty type is refused: a reader would call it ``message``.
        """
        self.refused("type", type="")

    def test_empty_id(self) -> None:
        """
        An empty id is valid: it makes the reader forget the last one.
        """
        self.assertEqual("", Event(id="").id)

    def test_id_with_nul(self) -> None:
        """
        An id with a NUL is refused, because readers ignore it.
        """
        for id in ("\0", "1\0", "\x001"):
            self.refused("id", id=id)

    def test_type_with_nul(self) -> None:
        """
        A type may have a NUL; the standard does not forbid it.
        """
        self.assertEqual("a\0", Event(type="a\0").type)

    def test_lone_surrogate(self) -> None:
        """
        A lone surrogate is refused in every field; the error says where it is.
        """
        for field in ("data", "type", "id"):
            error = self.refused(field, **{field: "ab\ud800"})
            self.assertIn("index 2", str(error))

    def test_not_text(self) -> None:
        """
        Data, type and id are text and nothing else.
        """
        for field in ("data", "type", "id"):
            for value in (b"a", 1, 1.5, True, ["a"], {"a": 1}):
                error = self.assertRaises(TypeError, Event, **{field: value})
                self.assertEqual(f"{field} must be str, not {type(value).__name__}", str(error))

    def test_none(self) -> None:
        """
        Only an id and a retry may be missing.
        """
        for field in ("data", "type"):
            self.assertRaises(TypeError, Event, **{field: None})

    def test_retry(self) -> None:
        """
        A retry is a whole number of milliseconds, 0 or more.
        """
        for retry in (0, 1, 3000, 10**15):
            self.assertEqual(retry, Event(retry=retry).retry)

    def test_invalid_retry(self) -> None:
        """
        A retry that is not made of digits is refused.
        """
        for retry in (1.0, 0.5, math.nan, True, False, "3000", "1_000", b"1"):
            error = self.refused("retry", retry=retry)
            self.assertIn(repr(retry), str(error))

    def test_retry_too_long_to_write(self) -> None:
        """
        A retry below 0, or one that Python refuses to write in digits, is refused.
        """
        self.refused("retry", retry=-1)
        self.refused("retry", retry=10**5000)

    def test_error(self) -> None:
        """
        The error is an ``SSETwistError`` and a ``ValueError``.
        """
        error = self.refused("id", id="\n")
        self.assertIsInstance(error, SSETwistError)
        self.assertIsInstance(error, ValueError)


class WithJSONTests(SynchronousTestCase):
    """
    Events whose data is JSON.
    """

    def refused(self, value: object) -> InvalidEvent:
        """
        Check that an event with that value is refused because of the data, and return the error.
        """
        error = self.assertRaises(InvalidEvent, Event.with_json, value)
        self.assertEqual("data", error.field)
        self.assertTrue(str(error).startswith("data "), str(error))
        return error

    def test_round_trip(self) -> None:
        """
        The data is the value as JSON.
        """
        for value in (None, True, 0, -1.5, "", "é\u2028\r\n", [], {"a": [1, {"b": None}]}):
            event = Event.with_json(value)
            self.assertEqual(value, json.loads(event.data))
            self.assertEqual(value, event.json())
        self.assertRaises(ValueError, Event("{").json)

    def test_one_line(self) -> None:
        """
        JSON takes one line for any value.
        """
        data = Event.with_json({"a\r\n": "b\n"}).data
        self.assertNotIn("\n", data)
        self.assertNotIn("\r", data)

    def test_short(self) -> None:
        """
        JSON is written without needless blanks and escapes.
        """
        self.assertEqual('{"a":[1,2],"b":"é"}', Event.with_json({"a": [1, 2], "b": "é"}).data)

    def test_other_fields(self) -> None:
        """
        Type, id and retry are passed on.
        """
        self.assertEqual(
            Event("1", type="t", id="i", retry=5),
            Event.with_json(1, type="t", id="i", retry=5),
        )

    def test_other_fields_are_checked(self) -> None:
        """
        Type, id and retry are checked as in every event.
        """
        error = self.assertRaises(InvalidEvent, Event.with_json, 1, type="a\nb")
        self.assertEqual("type", error.field)

    def test_not_a_number(self) -> None:
        """
        Not-a-number and the infinities, which JSON lacks, are refused at any depth.
        """
        for value in (math.nan, math.inf, -math.inf, [math.nan], {"a": math.inf}, {math.nan: 1}):
            self.refused(value)

    def test_not_json(self) -> None:
        """
        A value of a type that JSON lacks is refused, and the error names the type.
        """
        for value in (b"a", {1}, object(), {"a": 1j}, {(1, 2): 3}):
            self.refused(value)
        self.assertIn("bytes", str(self.refused([b"a"])))

    def test_contains_itself(self) -> None:
        """
        A value that contains itself is refused.
        """
        value: list[object] = []
        value.append(value)
        self.refused(value)

    def test_too_deep(self) -> None:
        """
        A value that is nested too deeply to be written is refused.
        """
        value: list[object] = []
        for _ in range(100_000):
            value = [value]
        self.refused(value)

    def test_lone_surrogate(self) -> None:
        """
        A lone surrogate is also refused within JSON.
        """
        self.refused({"a": "\ud800"})

    def test_cause(self) -> None:
        """
        The error has Python's exception as its cause.
        """
        self.assertIsInstance(self.refused(object()).__cause__, TypeError)
