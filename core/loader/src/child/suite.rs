//! A suite that a child reads.

use std::time::Duration;

use serde_json::Value;
use tribunal_api::SourceError;

use super::instance::Instance;
use crate::suite::Call;

/// Longest wait for a page of items or a grade.
const WITHIN: Duration = Duration::from_secs(600);

/// Requests to a suite whose component lives in a child.
pub(super) struct ChildCall(pub(super) Instance);

impl Call for ChildCall {
    fn call(&self, method: &str, request: Value) -> Result<Value, SourceError> {
        let reply = self.0.ask_and_wait(method, WITHIN, &request)?;
        serde_json::from_str(&reply.line).map_err(|cause| SourceError::Broken {
            message: format!("the plugin `{}` wrote no JSON: {cause}", self.0.origin()),
        })
    }
}
