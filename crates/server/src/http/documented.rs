//! What extractors and answers say of themselves in the API's document, so that the document is made of the
//! handlers' own signatures.

use super::{
    extract::{
        Administrator, Asker, ClientIp, Device, Here, IdempotencyKey, Json, Params, Person, Room, SessionOf,
        Writer,
    },
    problem::Refusal,
    webhooks::{Delivery, Posting},
};
use aide::{
    OperationInput, OperationOutput,
    generate::GenContext,
    openapi::{
        HeaderStyle, MediaType, Operation as Described, Parameter, ParameterData, ParameterSchemaOrContent,
        PathStyle, RequestBody, Response, SchemaObject,
    },
    operation::{ParamLocation, add_parameters, parameters_from_schema, set_body},
};
use axum::response::IntoResponse;
use http::StatusCode;
use plaza_protocol::{ClientId, Problem, RoomId, UserRef};
use schemars::{JsonSchema, Schema};
use serde::Serialize;

/// An operation while it is described.
pub(super) use aide::transform::TransformOperation as Operation;

/// 201 and what was made.
pub(super) struct Created<T>(pub(super) T);

/// 204
pub(super) struct NoContent;

impl<T: Serialize> IntoResponse for Created<T> {
    fn into_response(self) -> axum::response::Response {
        (StatusCode::CREATED, axum::Json(self.0)).into_response()
    }
}

impl IntoResponse for NoContent {
    fn into_response(self) -> axum::response::Response {
        StatusCode::NO_CONTENT.into_response()
    }
}

impl<T: JsonSchema> OperationOutput for Created<T> {
    type Inner = T;

    fn inferred_responses(context: &mut GenContext, _: &mut Described) -> Vec<(Option<u16>, Response)> {
        vec![(Some(201), response::<T>(context, "It was made.", "application/json"))]
    }
}

impl OperationOutput for NoContent {
    type Inner = ();

    fn inferred_responses(_: &mut GenContext, _: &mut Described) -> Vec<(Option<u16>, Response)> {
        vec![(Some(204), Response { description: "It is so.".to_owned(), ..Response::default() })]
    }
}

/// Whatever goes wrong is problem details; extractors name the statuses that they can answer by themselves.
impl OperationOutput for Refusal {
    type Inner = Problem;

    fn operation_response(context: &mut GenContext, _: &mut Described) -> Option<Response> {
        Some(problem(context, "Refused: `code` and `detail` say why."))
    }

    fn inferred_responses(context: &mut GenContext, _: &mut Described) -> Vec<(Option<u16>, Response)> {
        let refused = problem(context, "Refused: `code` and `detail` say why.");
        [400, 408, 429, 500, 503].into_iter().map(|status| (Some(status), refused.clone())).collect()
    }
}

impl<T: JsonSchema> OperationInput for Json<T> {
    fn operation_input(context: &mut GenContext, operation: &mut Described) {
        let json_schema = context.schema.subschema_for::<T>();
        let body = RequestBody {
            content: [("application/json".to_owned(), media(json_schema))].into_iter().collect(),
            required: true,
            ..RequestBody::default()
        };
        set_body(context, operation, body);
    }

    fn inferred_early_responses(context: &mut GenContext, _: &mut Described) -> Vec<(Option<u16>, Response)> {
        let too_large = problem(context, "The body is longer than 64 KiB.");
        vec![(Some(413), too_large), (Some(415), problem(context, "The body is not `application/json`."))]
    }
}

impl<T: Posting> OperationInput for Delivery<T> {
    fn operation_input(context: &mut GenContext, operation: &mut Described) {
        Json::<T>::operation_input(context, operation);
        // With a key, with a signature, or with neither where that is configured.
        for security in ["webhookKey", "webhookSignature"] {
            operation.security.push([(security.to_owned(), Vec::new())].into_iter().collect());
        }
        operation.security.push(Default::default());
        let about = "1 to 255 ASCII characters. The same with the same message, after any time, is answered as the first time. \
                     A signed request is known by its `webhook-id` instead.";
        let data = data::<String>(context, "Idempotency-Key", about, false);
        let header = Parameter::Header { parameter_data: data, style: HeaderStyle::Simple };
        add_parameters(context, operation, [header]);
    }

    fn inferred_early_responses(
        context: &mut GenContext,
        operation: &mut Described,
    ) -> Vec<(Option<u16>, Response)> {
        let mut responses = Json::<T>::inferred_early_responses(context, operation);
        responses
            .push((Some(401), problem(context, "No key and no signature, or none that holds (any more).")));
        responses
    }
}

impl OperationInput for Asker {
    fn operation_input(_: &mut GenContext, operation: &mut Described) {
        operation.security.push([("token".to_owned(), Vec::new())].into_iter().collect());
    }

    fn inferred_early_responses(context: &mut GenContext, _: &mut Described) -> Vec<(Option<u16>, Response)> {
        vec![(Some(401), problem(context, "No token, or none that holds (any more)."))]
    }
}

impl OperationInput for Writer {
    fn operation_input(context: &mut GenContext, operation: &mut Described) {
        Asker::operation_input(context, operation);
    }

    fn inferred_early_responses(
        context: &mut GenContext,
        operation: &mut Described,
    ) -> Vec<(Option<u16>, Response)> {
        Asker::inferred_early_responses(context, operation)
    }
}

impl OperationInput for Administrator {
    fn operation_input(context: &mut GenContext, operation: &mut Described) {
        Asker::operation_input(context, operation);
    }

    fn inferred_early_responses(
        context: &mut GenContext,
        operation: &mut Described,
    ) -> Vec<(Option<u16>, Response)> {
        let mut responses = Asker::inferred_early_responses(context, operation);
        responses.push((Some(403), problem(context, "One is no administrator.")));
        responses
    }
}

impl OperationInput for ClientIp {}

impl OperationInput for Here {}

impl OperationInput for SessionOf {
    fn operation_input(context: &mut GenContext, operation: &mut Described) {
        in_path::<String>(context, operation, "id", "The session's id.");
    }

    fn inferred_early_responses(context: &mut GenContext, _: &mut Described) -> Vec<(Option<u16>, Response)> {
        vec![(Some(404), problem(context, "One has no such session (any more)."))]
    }
}

impl OperationInput for Device {}

impl OperationInput for Room {
    fn operation_input(context: &mut GenContext, operation: &mut Described) {
        in_path::<RoomId>(context, operation, "id", "The room's id.");
    }

    fn inferred_early_responses(context: &mut GenContext, _: &mut Described) -> Vec<(Option<u16>, Response)> {
        vec![(Some(404), problem(context, "There is no such room, or one may not see it."))]
    }
}

impl OperationInput for Person {
    fn operation_input(context: &mut GenContext, operation: &mut Described) {
        in_path::<UserRef>(context, operation, "user", "Who: an id, or `@name`.");
    }

    fn inferred_early_responses(context: &mut GenContext, _: &mut Described) -> Vec<(Option<u16>, Response)> {
        vec![(Some(404), problem(context, "There is nobody of that id or name."))]
    }
}

impl<T: JsonSchema> OperationInput for Params<T> {
    fn operation_input(context: &mut GenContext, operation: &mut Described) {
        let schema = context.schema.subschema_for::<T>();
        let parameters = parameters_from_schema(context, schema, ParamLocation::Query);
        add_parameters(context, operation, parameters);
    }
}

impl OperationInput for IdempotencyKey {
    fn operation_input(context: &mut GenContext, operation: &mut Described) {
        let about = "1 to 64 bytes. The same key with the same message, after any time, is answered as the first time.";
        let data = data::<ClientId>(context, "Idempotency-Key", about, true);
        let header = Parameter::Header { parameter_data: data, style: HeaderStyle::Simple };
        add_parameters(context, operation, [header]);
    }
}

fn in_path<T: JsonSchema>(context: &mut GenContext, operation: &mut Described, name: &str, about: &str) {
    let parameter_data = data::<T>(context, name, about, true);
    add_parameters(context, operation, [Parameter::Path { parameter_data, style: PathStyle::Simple }]);
}

fn data<T: JsonSchema>(context: &mut GenContext, name: &str, about: &str, required: bool) -> ParameterData {
    ParameterData {
        name: name.to_owned(),
        description: Some(about.to_owned()),
        required,
        deprecated: None,
        format: ParameterSchemaOrContent::Schema(schema(context.schema.subschema_for::<T>())),
        example: None,
        examples: Default::default(),
        explode: None,
        extensions: Default::default(),
    }
}

fn problem(context: &mut GenContext, about: &str) -> Response {
    response::<Problem>(context, about, "application/problem+json")
}

fn response<T: JsonSchema>(context: &mut GenContext, about: &str, media_type: &str) -> Response {
    let json_schema = context.schema.subschema_for::<T>();
    Response {
        description: about.to_owned(),
        content: [(media_type.to_owned(), media(json_schema))].into_iter().collect(),
        ..Response::default()
    }
}

fn media(json_schema: Schema) -> MediaType {
    MediaType { schema: Some(schema(json_schema)), ..MediaType::default() }
}

fn schema(json_schema: Schema) -> SchemaObject {
    SchemaObject { json_schema, external_docs: None, example: None }
}
