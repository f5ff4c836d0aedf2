"""Defects to plant in the contract document, each with what the check must say of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

Json = Any

SCHEMAS = "/components/schemas/"
SUBJECT = "/paths/~1v3~1training~1subject/post"
UPLOAD = "/paths/~1_uploads~1{file}/put"


def _set(pointer: str, value: Json) -> Callable[[Json], None]:
    """Plants a value at a pointer; a missing last member is added."""

    def plant(document: Json) -> None:
        holder, last = _holder(document, pointer)
        holder[last] = value

    return plant


def _remove(pointer: str) -> Callable[[Json], None]:
    def plant(document: Json) -> None:
        holder, last = _holder(document, pointer)
        del holder[last]

    return plant


def _add(pointer: str, value: Json) -> Callable[[Json], None]:
    """Appends to the list at a pointer."""

    def plant(document: Json) -> None:
        holder, last = _holder(document, pointer)
        holder[last].append(value)

    return plant


def _holder(document: Json, pointer: str) -> tuple[Json, Any]:
    steps = [step.replace("~1", "/").replace("~0", "~") for step in pointer.split("/")[1:]]
    holder = document
    for step in steps[:-1]:
        holder = holder[int(step)] if isinstance(holder, list) else holder[step]
    return holder, int(steps[-1]) if isinstance(holder, list) else steps[-1]


# kind of the defect, what plants it, the place and the words of the finding, and what is a
# consequence of the same defect (another library's words for it, or what can no longer be told).
DEFECTS = [
    (
        "bad example of a media type",
        _set(f"{SUBJECT}/requestBody/content/application~1json/examples/bad", {"value": {"name": "x"}}),
        (f"{SUBJECT}/requestBody/content/application~1json/examples/bad", "the example is refused"),
        (),
    ),
    (
        "bad example of an error",
        _set("/components/examples/API_NOT_FOUND/value/code", "404"),
        ("/components/responses/NotFound/content/application~1json/examples/API_NOT_FOUND", "is refused"),
        ("/components/responses/TaskNotFound",),
    ),
    (
        "bad example of a schema",
        _add(f"{SCHEMAS}LoraRank/examples", 3),
        (f"{SCHEMAS}LoraRank", "the example is refused"),
        (),
    ),
    (
        "bad example by format",
        _add(f"{SCHEMAS}UploadTarget/properties/upload_url/examples", "https://uploads.invalid/a b"),
        (f"{SCHEMAS}UploadTarget/properties/upload_url", "the example is refused"),
        (),
    ),
    *(
        (
            f"misspelt keyword {word}",
            _set(f"{SCHEMAS}ClassPrompt/{word}", 5),
            (f"{SCHEMAS}ClassPrompt", word),
            (),
        )
        for word in ("nullable", "maxlength", "example")
    ),
    *(
        (f"misspelt {place}", plant, (f"{SUBJECT}:", words), ())
        for place, plant, words in [
            ("field, which only the library sees", _set(f"{SUBJECT}/sumary", "x"), "'sumary' was unexpected"),
            ("tag", _add(f"{SUBJECT}/tags", "trainings"), "the tag trainings is not declared"),
        ]
    ),
    (
        "broken reference",
        _set(f"{SCHEMAS}CreatedTask/properties/task_id/$ref", "#/components/schemas/TaskID"),
        (f"{SCHEMAS}CreatedTask/properties/task_id", "TaskID leads nowhere"),
        (),
    ),
    (
        "reference out of the document",
        _set(f"{SCHEMAS}CreatedTask/properties/task_id/$ref", "schemas/task.yaml#/$defs/TaskId"),
        (f"{SCHEMAS}CreatedTask/properties/task_id", "leads nowhere"),
        (),
    ),
    (
        "broken discriminator mapping",
        _set(f"{SCHEMAS}Component/discriminator/mapping/resize", "#/components/schemas/Rezise"),
        (f"{SCHEMAS}Component/discriminator/mapping/resize", "Rezise leads nowhere"),
        (),
    ),
    (
        "discriminator mapping to another variant",
        _set(f"{SCHEMAS}Component/discriminator/mapping/resize", "#/components/schemas/FaceRestore"),
        (f"{SCHEMAS}Component", "maps resize to FaceRestore"),
        (f"{SCHEMAS}Component: the mapping of the discriminator",),
    ),
    (
        "discriminator tag that differs from the const",
        _set(f"{SCHEMAS}Resize/properties/name/const", "rezise"),
        (f"{SCHEMAS}Component", "maps resize to Resize, whose const name differs"),
        # The seed page's example names the component by its right name.
        (f"{SUBJECT}/requestBody", "/paths/~1v3~1training~1style/post/requestBody"),
    ),
    (
        "discriminator without a variant's tag",
        _remove(f"{SCHEMAS}FaceRestoreArgument/discriminator/mapping/upscale"),
        (f"{SCHEMAS}FaceRestoreArgument", "the mapping of the discriminator and the variants"),
        (),
    ),
    (
        "required but not declared",
        _set(f"{SCHEMAS}TrainingProgress/required", ["eta"]),
        (f"{SCHEMAS}TrainingProgress", "the member eta is required but not declared"),
        ("/paths/~1v3~1training~1",),
    ),
    (
        "condition on a member that is not declared",
        _set(f"{SCHEMAS}SubjectExpertSetting/then", {"required": ["prompt"], "properties": {"prompt": {}}}),
        (f"{SCHEMAS}SubjectExpertSetting", "the member prompt of then is not declared"),
        (f"{SUBJECT}/requestBody",),
    ),
    (
        "operation without a 2xx",
        _remove("/paths/~1v3~1model/get/responses/200"),
        ("/paths/~1v3~1model/get", "no 2xx response"),
        (f"{SCHEMAS}Model: no operation uses it", f"{SCHEMAS}ModelList: no operation uses it"),
    ),
    (
        "unused schema",
        _set(f"{SCHEMAS}Orphan", {"description": "Used by nobody.", "x-rule": "orphan", "x-source": {}}),
        (f"{SCHEMAS}Orphan", "no operation uses it"),
        (),
    ),
    (
        "unused error",
        _remove("/components/responses/ListFailed/content/application~1json/examples/LIST_TASK_FAILED"),
        ("/components/examples/LIST_TASK_FAILED", "no operation uses it"),
        (),
    ),
    (
        "tag not required in a variant",
        _set(f"{SCHEMAS}Resize/required", ["args"]),
        (f"{SCHEMAS}Component", "the variant Resize does not require the tag name"),
        (),
    ),
    (
        "bad default",
        _set(f"{SCHEMAS}TrainingProgress/properties/progress_percent/default", 101),
        (f"{SCHEMAS}TrainingProgress/properties/progress_percent", "the default is refused"),
        ("/: 101 is greater than the maximum of 100",),
    ),
    (
        "default in a request",
        _set(f"{SCHEMAS}Width/default", 512),
        (f"{SCHEMAS}Width", "a request schema has a default"),
        (),
    ),
    (
        "default in a parameter",
        _set(f"{UPLOAD}/parameters/0/schema/default", "x.png"),
        (f"{UPLOAD}/parameters/0/schema", "a request schema has a default"),
        (),
    ),
    (
        "missing operationId",
        _remove("/paths/~1v3~1model/get/operationId"),
        ("/paths/~1v3~1model/get", "no operationId"),
        (),
    ),
    (
        "duplicate operationId",
        _set("/paths/~1v3~1model/get/operationId", "listTrainings"),
        ("/paths/~1v3~1model/get", "the operationId listTrainings is that of /paths/~1v3~1training/get too"),
        ("/: Operation ID 'listTrainings'",),
    ),
    (
        "path parameter not declared",
        _remove(f"{UPLOAD}/parameters/0"),
        (UPLOAD, "the path parameter file is not declared"),
        ("/: Path parameter 'file'",),
    ),
    (
        "path parameter not in the path",
        _add(
            f"{UPLOAD}/parameters",
            {
                "name": "folder",
                "in": "path",
                "required": True,
                "description": "x",
                "schema": {"type": "string"},
            },
        ),
        (UPLOAD, "the path parameter folder is not in the path"),
        ("/: Path parameter 'folder'",),
    ),
    (
        "undeclared security scheme",
        _set("/paths/~1v3~1model/get/security", [{"basic": []}]),
        ("/paths/~1v3~1model/get/security", "the security scheme basic is not declared"),
        (),
    ),
    *(
        (
            "description missing",
            _remove(f"{place}/description"),
            (f"{place}:", "description is missing"),
            also,
        )
        for place, also in [
            (SUBJECT, ()),
            (f"{SUBJECT}/requestBody", ()),
            (f"{UPLOAD}/parameters/0", ()),
            (f"{UPLOAD}/responses/200", ("/: 'description' is a required", f"{UPLOAD}/responses/200: ")),
            ("/tags/0", ()),
            ("/components/responses/NotFound", ("/components/responses/NotFound: ",)),
            ("/components/responses/RateLimited/headers/Retry-After", ()),
            ("/components/securitySchemes/bearer", ()),
            (f"{SCHEMAS}TaskId", ()),
            (f"{SCHEMAS}Model/properties/id", ()),
        ]
    ),
    *(
        (f"no {bound} bound", _remove(place), (place.rpartition("/")[0], f"no {bound} bound"), ())
        for bound, place in [
            ("lower", f"{SCHEMAS}Width/minimum"),
            ("lower", f"{SCHEMAS}LearningRate/exclusiveMinimum"),
            ("upper", f"{SCHEMAS}Model/properties/id/maximum"),
            ("upper", "/components/responses/RateLimited/headers/Retry-After/schema/maximum"),
        ]
    ),
    *(
        (
            f"assertion without {lost}",
            _remove(f"{SCHEMAS}{place}"),
            (f"{SCHEMAS}{place.split('/')[0]}", words),
            (),
        )
        for lost, place, words in [
            ("a rule", "TaskName/x-rule", "type, minLength, maxLength but has no x-rule"),
            ("a source", "TaskName/x-source/maxLength", "the keyword maxLength has no x-source"),
            ("a source", "SubjectExpertSetting/x-source/then", "the keyword then has no x-source"),
        ]
    ),
    (
        "required without a source",
        _remove(f"{SCHEMAS}Width/x-source/required"),
        (f"{SCHEMAS}SubjectTrainingRequest", "the member width is required but its schema has no x-source"),
        (f"{SCHEMAS}StyleTrainingRequest: the member width",),
    ),
    (
        "assertion that cannot have a rule",
        _set(f"{SCHEMAS}ImageDatasetItems/uniqueItems", value=True),
        (f"{SCHEMAS}ImageDatasetItems", "the keyword uniqueItems can have no rule id"),
        (),
    ),
    (
        "rule without a source",
        _remove("/x-rules/json.size/x-source"),
        ("/x-rules/json.size", "no x-source"),
        (),
    ),
    (
        "unknown kind of source",
        _set(f"{SCHEMAS}Width/x-source/minimum/kind", "guessed"),
        (f"{SCHEMAS}Width/x-source/minimum", "the kind guessed is not known"),
        (),
    ),
    (
        "unknown page",
        _set("/x-rules/lint.few_images/x-source/page", "wikipedia"),
        ("/x-rules/lint.few_images/x-source", "the page wikipedia is not in x-pages"),
        (),
    ),
]
