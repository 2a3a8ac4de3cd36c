//! Second factors. A step is good once, and a server lets a client's clock be off by one step, so three codes can be
//! had without waiting: of the step before, of this one, and of the next.

use crate::{limits::TOTP_STEP, wait::eventually};
use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use totp_rs::{Builder, Secret};

/// An authenticator app with one account in it. Clones are the same app.
#[derive(Clone)]
pub struct Totp {
    totp: totp_rs::Totp,
    used: Arc<Mutex<u64>>,
}

/// A second factor for one request.
#[derive(Clone, Debug)]
pub struct Factor {
    /// The header that carries it.
    pub header: &'static str,
    /// The code.
    pub code: String,
}

impl Factor {
    /// A TOTP code.
    pub fn totp(code: &str) -> Self {
        Self { header: "wharden-totp", code: code.to_owned() }
    }

    /// A recovery code.
    pub fn recovery(code: &str) -> Self {
        Self { header: "wharden-recovery-code", code: code.to_owned() }
    }

    /// The variable that gives it to `wharden`.
    pub fn env(&self) -> &'static str {
        if self.header == "wharden-totp" { "WHARDEN_TOTP" } else { "WHARDEN_RECOVERY_CODE" }
    }
}

/// A person with an authenticator app and a list of recovery codes, who gives a code when one is asked for: one of the
/// app while that needs no waiting, then a recovery code from the end of the list, the last of which is spent on a new list.
#[derive(Clone)]
pub struct Person {
    totp: Totp,
    spare: Arc<Mutex<Vec<String>>>,
}

impl Person {
    /// With this app and these recovery codes.
    pub fn new(totp: &Totp, recovery_codes: &[String]) -> Self {
        Self { totp: totp.clone(), spare: Arc::new(Mutex::new(recovery_codes.to_vec())) }
    }

    /// A code that was not given before.
    pub fn factor(&self) -> Factor {
        if let Some(code) = self.totp.code_now() {
            return Factor::totp(&code);
        }
        let spare = self.spares().pop();
        spare.map_or_else(|| Factor::totp(&self.totp.clone().code()), |code| Factor::recovery(&code))
    }

    /// The last recovery code, when it is the last: good for a new list.
    pub fn last_spare(&self) -> Option<Factor> {
        let mut spares = self.spares();
        if spares.len() == 1 { spares.pop().map(|code| Factor::recovery(&code)) } else { None }
    }

    /// A new list of recovery codes.
    pub fn refill(&self, recovery_codes: Vec<String>) {
        *self.spares() = recovery_codes;
    }

    fn spares(&self) -> MutexGuard<'_, Vec<String>> {
        self.spare.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Totp {
    /// From the secret as it is shown, base32.
    ///
    /// # Panics
    /// When it is not base32 of at least 16 bytes.
    pub fn new(secret: &str) -> Self {
        let secret = Secret::try_from_base32(secret).expect("the TOTP secret is base32");
        let totp = Builder::new()
            .with_secret(secret)
            .with_account_name("test")
            .build()
            .expect("the TOTP secret is long enough for RFC 6238");
        Self { totp, used: Arc::default() }
    }

    /// A code that was not given before. Waits for the next step when none is to be had.
    pub fn code(&mut self) -> String {
        eventually("a TOTP step that was not used yet", Duration::from_secs(3 * TOTP_STEP), || self.code_now())
    }

    /// A code that was not given before, when one is to be had without waiting.
    pub fn code_now(&self) -> Option<String> {
        let now = now_secs();
        // Near its end a step is no longer "the one before" when the code arrives.
        let oldest = if now % TOTP_STEP > TOTP_STEP - 5 { now / TOTP_STEP } else { now / TOTP_STEP - 1 };
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        let step = oldest.max(*used + 1);
        if step > now / TOTP_STEP + 1 {
            return None;
        }
        *used = step;
        Some(self.totp.generate(step * TOTP_STEP).to_string())
    }

    /// The code that was given last, which must not be good a second time.
    pub fn spent_code(&self) -> String {
        let used = *self.used.lock().unwrap_or_else(PoisonError::into_inner);
        self.totp.generate(used * TOTP_STEP).to_string()
    }

    /// A code of six digits that is wrong now and in every step around now.
    pub fn wrong_code(&self) -> String {
        let now = now_secs() / TOTP_STEP;
        let near: Vec<String> =
            (now - 4..now + 5).map(|step| self.totp.generate(step * TOTP_STEP).to_string()).collect();
        (0..1_000_000)
            .map(|n| format!("{n:06}"))
            .find(|code| !near.contains(code))
            .expect("nine codes are not a million")
    }
}

fn now_secs() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock after 1970").as_secs()
}
