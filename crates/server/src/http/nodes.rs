//! The nodes that run on this one's store.

use super::{State, problem::Refusal};
use aide::axum::{ApiRouter, routing::get_with};
use axum::{Json, extract::State as TheState};
use plaza_protocol::{NodeStatus, Timestamp};

pub(super) fn router() -> ApiRouter<State> {
    ApiRouter::new().api_route(
        "/nodes",
        get_with(nodes, |op| {
            op.id("listNodes")
                .tag("Operation")
                .summary("The nodes that are alive, and how many are connected to each")
                .response::<503, Refusal>()
        }),
    )
}

async fn nodes(TheState(state): TheState<State>) -> Result<Json<Vec<NodeStatus>>, Refusal> {
    let nodes = state.chat.nodes().await?;
    if nodes.is_empty() {
        // One that is alone holds no lease.
        let updated_at = Timestamp::from_millis(state.chat.now());
        let (node, connections) = (state.node.to_string(), state.connections());
        return Ok(Json(vec![NodeStatus { node, connections, updated_at }]));
    }
    let nodes = nodes.into_iter().map(|node| NodeStatus {
        node: node.name,
        connections: node.connections,
        updated_at: node.updated_at,
    });
    Ok(Json(nodes.collect()))
}
