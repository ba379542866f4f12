"""The generated specification says what the declarations say, and leaves nothing out."""

from __future__ import annotations

import msgspec

from chatproto.commands import all_commands
from chatproto.errors import BY_CODE, Distrust
from chatproto.specification import json_schema, rst_tables
from chatproto.wire.json import COMMANDS


def test_every_command_of_the_json_dialect_has_a_request_and_a_reply() -> None:
    schema = json_schema()
    assert set(schema["commands"]) == set(COMMANDS)
    for name, entry in schema["commands"].items():
        request = schema["$defs"][entry["request"]["$ref"].rpartition("/")[2]]
        assert request["properties"]["do"] == {"enum": [name]}
        assert "id" in request["properties"]


def test_requests_carry_the_tag_that_replies_give_back() -> None:
    schema = json_schema()
    request = schema["$defs"]["Send"]["properties"]["id"]
    assert request == schema["$defs"]["Sent"]["properties"]["re"]
    assert schema["$defs"]["Sent"]["properties"]["status"] == {"const": "OK"}
    assert schema["$defs"]["Refused"]["properties"]["status"] == {"const": "ERROR"}
    assert {"status", "code", "message"} <= set(schema["$defs"]["Refused"]["required"])


def test_every_reference_leads_somewhere() -> None:
    schema = json_schema()
    text = msgspec.json.encode(schema).decode()
    wanted = {part.partition('"')[0] for part in text.split('"#/$defs/')[1:]}
    assert wanted == set(schema["$defs"])


def test_codes_of_errors_that_only_a_client_makes_are_left_out() -> None:
    codes = json_schema()["codes"]
    assert "internal-error" in codes
    own = {"unknown-remote-error", "connection-unavailable", "distrust"}
    own |= {error.code for error in Distrust.__subclasses__()}
    assert {*BY_CODE} - {*codes} == own


def test_every_command_and_form_has_a_row() -> None:
    table = rst_tables()
    for command in all_commands():
        if command.json:
            assert f"\n``{command.wire_name()}`` (" in table
        for form in command.forms:
            assert f"``{form}``" in table
    for code in json_schema()["codes"]:
        assert f"* - ``{code}``" in table
