use crate::limits::RETRY_AFTER_MAX;
use std::time::Duration;
use tonic::Status;
use wharden_proto::RETRY_AFTER_MS;

/// When a controller that has no room now says to come again. It knows how many others it has told.
pub fn retry_after(status: &Status) -> Option<Duration> {
    let told = status.metadata().get(RETRY_AFTER_MS)?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_millis(told).min(RETRY_AFTER_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_controller_says_is_believed_within_bounds() {
        let mut status = Status::resource_exhausted("busy");
        assert_eq!(retry_after(&status), None);
        for (told, wait) in
            [("1500", Some(Duration::from_millis(1500))), ("99999999", Some(RETRY_AFTER_MAX)), ("soon", None)]
        {
            status.metadata_mut().insert(RETRY_AFTER_MS, told.parse().expect("ASCII"));
            assert_eq!(retry_after(&status), wait, "{told}");
        }
    }
}
