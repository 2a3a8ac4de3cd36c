//! Codes of a TOTP secret (RFC 6238: SHA-1, 6 digits, 30 s), and its QR code in the terminal.

use crate::error::CliError;
use qrcode::{EcLevel, QrCode, render::unicode::Dense1x2};
use totp_rs::{Builder, Totp};
use wharden_model::{Timestamp, api::Secret};

/// Reads a base32 secret; case and spaces do not matter.
///
/// # Errors
/// [`CliError::Usage`] when it is none. Never shows it.
pub fn read(secret: &Secret) -> Result<Totp, CliError> {
    let tidy: String = secret.reveal().chars().filter(|c| !c.is_whitespace() && *c != '=').collect();
    let wrong =
        || CliError::usage("the TOTP secret is not base32 of at least 128 bits", "copy it whole from enrolment");
    let bytes = totp_rs::Secret::try_from_base32(tidy.to_ascii_uppercase()).map_err(|_| wrong())?;
    Builder::new().with_secret(bytes).build().map_err(|_| wrong())
}

/// The code at a time.
pub fn code(totp: &Totp, at: Timestamp) -> Secret {
    Secret::new(totp.generate(at.as_secs()).to_string())
}

/// A QR code of half blocks: black on white whatever the terminal's colours when `colour` is set, else right where text
/// is light on dark. `None` when the text does not fit one.
pub fn qr(text: &Secret, colour: bool) -> Option<String> {
    let code = QrCode::with_error_correction_level(text.reveal(), EcLevel::L).ok()?;
    let mut image = code.render::<Dense1x2>();
    if !colour {
        // What is drawn is light then.
        return Some(image.dark_color(Dense1x2::Light).light_color(Dense1x2::Dark).build());
    }
    let lines: Vec<String> = image.build().lines().map(|line| format!("\x1b[30;107m{line}\x1b[0m")).collect();
    Some(lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6238 appendix B, the last six digits of the SHA-1 column.
    #[test]
    fn codes_are_those_of_the_rfc() {
        let totp = read(&Secret::new("gezd gnbv gy3t qojq GEZDGNBVGY3TQOJQ")).unwrap();
        assert_eq!(code(&totp, Timestamp::from_secs(59)).reveal(), "287082");
        assert_eq!(code(&totp, Timestamp::from_secs(1_111_111_109)).reveal(), "081804");
    }

    #[test]
    fn a_wrong_secret_is_not_shown() {
        let error = read(&Secret::new("hunter2!")).unwrap_err();
        assert!(!error.to_string().contains("hunter2"));
    }
    #[test]
    fn the_margin_of_a_qr_code_is_light() {
        let text = Secret::new("otpauth://totp/x");
        let plain = qr(&text, false).unwrap();
        assert!(plain.lines().next().unwrap().chars().all(|c| c == '█'), "{plain}");
        let coloured = qr(&text, true).unwrap();
        let first = coloured.lines().next().unwrap();
        assert!(first.starts_with("\x1b[30;107m ") && !first.contains('█'), "{coloured}");
    }
}
