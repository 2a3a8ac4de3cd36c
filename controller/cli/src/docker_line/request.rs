//! Putting a request together.

use reqwest::Url;
use serde_json::Value;
use wharden_model::api::DockerRequest;

/// A request with a path of these segments, a query and a body. An image's name is many segments in one: its slashes
/// stay.
pub fn request(method: &str, segments: &[&str], query: &[(&str, &str)], body: Value) -> DockerRequest {
    let mut path = String::new();
    // Only the escaping of the URL type is wanted; the host is left out.
    if let Ok(mut url) = Url::parse("http://engine/") {
        if let Ok(mut parts) = url.path_segments_mut() {
            parts.pop_if_empty().extend(segments.iter().flat_map(|segment| segment.split('/')));
        }
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        path.push_str(url.path());
        if let Some(query) = url.query() {
            path.push('?');
            path.push_str(query);
        }
    }
    DockerRequest { method: method.to_owned(), path, body }
}
