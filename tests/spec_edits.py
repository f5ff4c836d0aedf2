"""Edits of an OpenAPI document with what each of them means: the labelled table of `loracle spec diff`."""

from __future__ import annotations

import copy
import json
from typing import Any

from document_edits import CONTRACT, SHOP, Change, Edit, add, both, cut, put, take

Json = Any


def _reorder(document: Json) -> None:
    def turned(node: Json) -> Json:
        if isinstance(node, list):
            return [turned(one) for one in node]
        return {k: turned(node[k]) for k in reversed(node)} if isinstance(node, dict) else node

    schemas = document["components"]["schemas"]
    document["components"]["schemas"] = turned(schemas)
    for one in document["components"]["schemas"].values():
        for keyword in ("required", "enum"):
            if keyword in one:
                one[keyword].reverse()


def _inline(document: Json) -> None:
    schemas = document["components"]["schemas"]
    text = json.dumps(document).replace(
        '{"$ref": "#/components/schemas/Width"}', json.dumps(schemas["Width"])
    )
    document.clear()
    document.update(json.loads(text))
    del document["components"]["schemas"]["Width"]


def _rename(document: Json) -> None:
    text = json.dumps(document).replace("#/components/schemas/TrainingTask", "#/components/schemas/Job")
    document.clear()
    document.update(json.loads(text))
    schemas = document["components"]["schemas"]
    schemas["Job"] = schemas.pop("TrainingTask")


def _tag_with_conditions(document: Json) -> None:
    """Spells a tagged union with if/then, as editors like it."""
    schemas = document["components"]["schemas"]
    variants = {"face_crop_region": "FaceCropRegion", "resize": "Resize", "face_restore": "FaceRestore"}
    schemas["Component"] = {
        "type": "object",
        "required": ["name"],
        "properties": {"name": {"enum": list(variants)}},
        "allOf": [
            {
                "if": {"type": "object", "required": ["name"], "properties": {"name": {"const": tag}}},
                "then": {"$ref": f"#/components/schemas/{variant}"},
            }
            for tag, variant in variants.items()
        ],
    }


def _rename_scheme(document: Json) -> None:
    schemes = document["components"]["securitySchemes"]
    schemes["token"] = schemes.pop("bearer") | {"description": "A key."}
    document["security"] = [{"token": []}]


def _split(name: str) -> Change:
    """Writes an object as two that both have to hold."""

    def change(document: Json) -> None:
        schema = document["components"]["schemas"][name]
        required = {"required": schema.pop("required")}
        document["components"]["schemas"][name] = {"allOf": [schema, required]}

    return change


_SETTING = "SubjectTrainingRequest/properties/expert_setting"
_CREATE = "/paths/=v3=training=subject/post"
_POLL = "/paths/=v3=training=subject/get"
_LIST = "/paths/=v3=training/get"
_UPLOAD = "/paths/=_uploads={file}/put"
_SETTINGS = {"$ref": "#/components/schemas/SubjectExpertSetting"}

EQUAL = [
    Edit("a description", put("Width/description", "How wide.")),
    Edit("an example", put("Width/examples", [1024])),
    Edit("the version and the tags", both(put("/info/version", "9"), put(f"{_CREATE}/tags", ["x"]))),
    Edit("the order of members, of required and of enum", _reorder),
    Edit("a reference written out", _inline),
    Edit("a schema renamed", _rename),
    Edit("oneOf as if/then", _tag_with_conditions),
    Edit(
        "anyOf with null as if/then",
        put(_SETTING, {"type": ["object", "null"], "if": {"type": "object"}, "then": _SETTINGS}),
    ),
    Edit(
        "anyOf with null as oneOf",
        put(_SETTING, {"oneOf": [{"type": "null"}, _SETTINGS]}),
    ),
    Edit("a schema split with allOf", _split("SubjectTrainingRequest")),
    Edit("an enum of one as const", put("TaskType", {"anyOf": [{"const": "subject"}, {"const": "style"}]})),
    Edit("a bound of an integer moved to where no integer is", put("Width/minimum", 0.5)),
    Edit("a type list for one type", put("TaskName/type", ["string"])),
    Edit("a format that says nothing of values", put("TaskName/format", "password")),
    Edit("an extension", put(f"{_CREATE}/x-team", "training")),
    Edit("an operation deprecated", put(f"{_CREATE}/deprecated", True)),
    Edit("an operationId", put(f"{_CREATE}/operationId", "startTraining")),
    Edit("a security scheme renamed", _rename_scheme),
    Edit("a default named for the first time", put("LimitParameter/default", 10)),
    Edit("a server added", add("/servers", {"url": "https://other.example"})),
    Edit(
        "a path parameter renamed",
        both(
            put("/paths/=files={name}", copy.deepcopy(SHOP["paths"]["/orders/{id}"])),
            put("/paths/=files={name}/parameters/0/name", "name"),
            cut("/paths/=orders={id}"),
            put("/paths/=orders={name}", {}),
            lambda d: d["paths"].__setitem__("/orders/{name}", d["paths"].pop("/files/{name}")),
        ),
        base=SHOP,
    ),
    Edit("a bound at the end of the format", put("Order/properties/count/maximum", 2147483647), base=SHOP),
]

# Equal in meaning, but nobody proves it: the price of missing nothing.
FALSE_ALARMS = [
    Edit("a pattern respelled", put("CursorParameter/pattern", r"^(?:c_[0-9]{1,15}|)[ \t\r\n]*$")),
    Edit("a format that no validator knows", put("TaskIdParameter/format", "slug")),
]

REQUESTS = [
    Edit("required added", add("SubjectTrainingRequest/required", "expert_setting"), clients=True),
    Edit("required removed", take("SubjectTrainingRequest/required", "height"), servers=True),
    Edit("maximum lowered", put("Width/maximum", 4096), clients=True),
    Edit("maximum raised", put("LoraRank/maximum", 256), servers=True),
    Edit("minimum raised", put("Width/minimum", 64), clients=True),
    Edit("minimum lowered", put("TrainBatchSize/minimum", 0), servers=True),
    Edit(
        "an exclusive bound made inclusive",
        both(cut("LearningRate/exclusiveMinimum"), put("LearningRate/minimum", 0)),
        servers=True,
    ),
    Edit("minLength raised", put("TaskName/minLength", 3), clients=True),
    Edit("minLength removed", cut("BaseModel/minLength"), servers=True),
    Edit("maxLength lowered", put("TaskName/maxLength", 100), clients=True),
    Edit("maxLength raised", put("TaskName/maxLength", 300), servers=True),
    Edit("minItems raised", put("ImageDatasetItems/minItems", 6), clients=True),
    Edit("minItems lowered", put("ImageDatasetItems/minItems", 0), servers=True),
    Edit("maxItems lowered", put("ImageDatasetItems/maxItems", 20), clients=True),
    Edit("maxItems raised", put("ImageDatasetItems/maxItems", 60), servers=True),
    Edit("uniqueItems added", put("ImageDatasetItems/uniqueItems", True), clients=True),
    Edit("multipleOf added", put("Width/multipleOf", 8), clients=True),
    Edit("enum shrunk", take("LearningRateScheduler/enum", "linear"), clients=True),
    Edit("enum grown", add("UploadRequest/properties/file_extension/enum", "gif"), servers=True),
    Edit("const changed", put("Resize/properties/name/const", "scale"), clients=True, servers=True),
    Edit("a member added", put("SubjectTrainingRequest/properties/tag", {"type": "string"}), servers=True),
    Edit("a member removed", cut("SubjectExpertSetting/properties/seed"), clients=True),
    Edit("an object opened", put("ImageDatasetItem/additionalProperties", True), servers=True),
    Edit("null refused", put("Seed/type", "integer"), clients=True),
    Edit("null refused where a union allowed it", put(_SETTING, _SETTINGS), clients=True),
    Edit("null accepted", put("TaskName/type", ["string", "null"]), servers=True),
    Edit("integer to number", put("Width/type", "number"), servers=True),
    Edit("number to integer", put("PriorLossWeight/type", ["integer", "null"]), clients=True),
    Edit("text to integer", put("BaseModel/type", "integer"), clients=True, servers=True),
    Edit(
        "a pattern tightened",
        put("RatioArgument/properties/value/pattern", "^[0-9.]+$"),
        clients=True,
        servers=True,
    ),
    Edit("a pattern removed", cut("MethodArgument/properties/value/pattern"), servers=True),
    Edit("a pattern added", put("TaskName/pattern", "^[a-z0-9_]+$"), clients=True),
    Edit("a format added", put("BaseModel/format", "uuid"), clients=True),
    Edit("a variant removed", cut("Component/oneOf/2"), clients=True),
    Edit("a variant added", add("Component/oneOf", {"const": "none"}), servers=True),
    Edit(
        "a rule across fields removed",
        both(cut("SubjectExpertSetting/if"), cut("SubjectExpertSetting/then")),
        servers=True,
    ),
    Edit(
        "a rule across fields added",
        both(
            put("StyleExpertSetting/if", {"required": ["train_text_encoder"]}),
            put("StyleExpertSetting/then", {"required": ["lora_text_encoder_r"]}),
        ),
        clients=True,
    ),
    Edit(
        "a dependency added",
        put("StyleExpertSetting/dependentRequired", {"lora_r": ["lora_alpha"]}),
        clients=True,
    ),
    Edit("a value forbidden", put("TaskName/not", {"const": "test_1208_01"}), clients=True),
    Edit("anything refused", put("SubjectTrainingRequest/properties/components", False), clients=True),
    Edit(
        "one bound up, another down",
        both(put("LoraRank/minimum", 1), put("LoraRank/maximum", 64)),
        clients=True,
        servers=True,
    ),
    Edit("an object closed", put("Line/additionalProperties", False), True, True, base=SHOP),
    Edit(
        "what other members are", put("Line/additionalProperties", {"type": "number"}), True, True, base=SHOP
    ),
    Edit("minProperties raised", put("Line/minProperties", 2), True, True, base=SHOP),
    Edit("a member of 3.0 made nullable", put("Order/properties/id/nullable", True), True, True, base=SHOP),
    Edit(
        "a bound of 3.0 made inclusive",
        put("Order/properties/price/exclusiveMinimum", False),
        True,
        True,
        base=SHOP,
    ),
    Edit("multipleOf changed", put("Order/properties/price/multipleOf", 0.25), True, True, base=SHOP),
    Edit("uniqueItems removed", cut("Order/properties/lines/uniqueItems"), True, True, base=SHOP),
    Edit("a format of bounds widened", put("Order/properties/count/format", "int64"), True, True, base=SHOP),
    Edit("a written member optional", take("Order/required", "pin"), False, True, base=SHOP),
    Edit("a member deep in a recursion", put("Line/properties/name/maxLength", 3), True, True, base=SHOP),
]

ANSWERS = [
    Edit("a member made optional", take("TrainingTask/required", "models"), clients=True),
    Edit("a member made required", add("TrainingTask/required", "extra"), servers=True),
    Edit("enum grown", add("TaskStatus/enum", "PAUSED"), clients=True),
    Edit("enum shrunk", take("TaskStatus/enum", "UNKNOWN"), servers=True),
    Edit("null allowed", put("CreatedTask/properties/task_id", {"type": ["string", "null"]}), clients=True),
    Edit("maximum raised", put("TrainingProgress/properties/progress_percent/maximum", 200), clients=True),
    Edit("maximum lowered", put("TrainingProgress/properties/progress_percent/maximum", 99), servers=True),
    Edit("number to integer", put("TrainingProgress/properties/eta_relative/type", "integer"), servers=True),
    Edit("a format removed", cut("UploadTarget/properties/upload_url/format"), clients=True),
    Edit("text to integer", put("Model/properties/name/type", "integer"), clients=True, servers=True),
    Edit("the envelope of errors", put("Error/properties/code/type", "string"), clients=True, servers=True),
    Edit("a pattern loosened", cut("TrainedModel/properties/model_name/pattern"), clients=True),
    Edit(
        "an open object gets a typed member",
        put("CreatedTask/properties/eta", {"type": "number"}),
        servers=True,
    ),
    Edit("an open object closed", put("CreatedTask/additionalProperties", False), servers=True),
    Edit("a read member optional", take("Order/required", "stored"), True, False, base=SHOP),
]

_TEXT = {"schema": {"type": "string"}}
_NEW_PARAMETER = {"name": "since", "in": "query", "schema": {"type": "integer"}}
_BODY = f"{_CREATE}/requestBody"
_OK = f"{_POLL}/responses/200"
_ORDER = "/paths/=orders={id}/put"

OPERATIONS = [
    Edit("an operation removed", cut(_POLL), clients=True),
    Edit(
        "an operation added",
        put("/paths/=v3=training/delete", CONTRACT["paths"]["/v3/training"]["get"]),
        servers=True,
    ),
    Edit(
        "a path moved",
        lambda d: d["paths"].__setitem__("/v4/training", d["paths"].pop("/v3/training")),
        clients=True,
        servers=True,
    ),
    Edit("a parameter removed", cut(f"{_LIST}/parameters/2"), clients=True),
    Edit("a parameter added", add(f"{_LIST}/parameters", _NEW_PARAMETER), servers=True),
    Edit(
        "a required parameter added",
        add(f"{_LIST}/parameters", _NEW_PARAMETER | {"required": True}),
        True,
        True,
    ),
    Edit("a parameter made required", put(f"{_LIST}/parameters/0/required", True), clients=True),
    Edit("a parameter made optional", cut(f"{_POLL}/parameters/0/required"), servers=True),
    Edit("a parameter moved to a header", put(f"{_LIST}/parameters/2/in", "header"), True, True),
    Edit("a parameter tightened", put("LimitParameter/maximum", 50), clients=True, is_of_payloads=True),
    Edit("a parameter loosened", put("LimitParameter/maximum", 500), servers=True, is_of_payloads=True),
    Edit(
        "a header parameter tightened",
        put(f"{_ORDER}/parameters/0/schema/maxLength", 4),
        True,
        False,
        True,
        SHOP,
    ),
    Edit("an array written otherwise", put(f"{_ORDER}/parameters/1/explode", False), True, True, base=SHOP),
    Edit("a default replaced", put(f"{_ORDER}/parameters/2/schema/default", 20), True, False, base=SHOP),
    Edit("the body made required", put(f"{_ORDER}/requestBody/required", True), True, False, base=SHOP),
    Edit("the body made optional", put(f"{_BODY}/required", False), servers=True),
    Edit("the body removed", cut(_BODY), clients=True),
    Edit(
        "a content type of requests removed",
        cut(f"{_ORDER}/requestBody/content/image=*"),
        True,
        False,
        base=SHOP,
    ),
    Edit("a content type of requests added", put(f"{_BODY}/content/text=plain", _TEXT), servers=True),
    Edit(
        "a range of content types narrowed",
        both(
            cut(f"{_ORDER}/requestBody/content/image=*"), put(f"{_ORDER}/requestBody/content/image=png", {})
        ),
        True,
        False,
        base=SHOP,
    ),
    Edit("a content type of answers added", put(f"{_OK}/content/text=plain", _TEXT), clients=True),
    Edit(
        "a content type of answers replaced",
        both(put(f"{_OK}/content/text=plain", _TEXT), cut(f"{_OK}/content/application=json")),
        clients=True,
        servers=True,
    ),
    Edit("a status added", put(f"{_POLL}/responses/202", {"description": "Later"}), clients=True),
    Edit(
        "a status added that a range covers", put(f"{_ORDER}/responses/404", {"description": "No"}), base=SHOP
    ),
    Edit("a status of errors removed", cut(f"{_POLL}/responses/429"), servers=True),
    Edit("the good status removed", cut(f"{_POLL}/responses/200"), clients=True, servers=True),
    Edit("a default answer added", put(f"{_POLL}/responses/default", {"description": "Any"}), clients=True),
    Edit(
        "a required header of answers removed",
        cut(f"{_ORDER}/responses/200/headers/X-Rate"),
        True,
        False,
        base=SHOP,
    ),
    Edit(
        "a header of answers loosened",
        put(f"{_ORDER}/responses/200/headers/X-Rate/schema", {"type": "number"}),
        True,
        False,
        True,
        SHOP,
    ),
    Edit("security added", cut(f"{_UPLOAD}/security"), clients=True),
    Edit("security removed", put(f"{_CREATE}/security", []), servers=True),
    Edit("a way to authenticate added", add("/security", {}), servers=True),
    Edit("a way to authenticate removed", cut(f"{_ORDER}/security/0"), True, False, base=SHOP),
    Edit("a scope wanted", add(f"{_ORDER}/security/1/login", "pay"), True, False, base=SHOP),
    Edit("a scheme changed", put("/components/securitySchemes/bearer/scheme", "basic"), True, True),
    Edit("a server removed", put("/servers/0/url", "https://other.example"), clients=True),
]
