//! What every command has at hand: the console, the form of its answers, and the way to the controller.

use crate::{
    args::Global,
    client::{Api, Codes, Factor, NO_CODE, Transport, tls},
    console::Console,
    credentials::Store,
    error::CliError,
    limits::CODE_ATTEMPTS,
    output::{Format, Look, clean, clean_json},
    settings,
};
use serde::Serialize;
use wharden_model::{UserName, api::Secret};

/// One run of one command.
pub struct Context<'a> {
    /// Streams, terminal, clock.
    pub console: &'a mut Console,
    global: &'a Global,
}

impl<'a> Context<'a> {
    /// A context with these global flags.
    pub fn new(global: &'a Global, console: &'a mut Console) -> Self {
        Self { console, global }
    }

    /// True with `-o json` and `-o jsonl`.
    pub fn is_json(&self) -> bool {
        matches!(self.global.output, Format::Json | Format::Jsonl)
    }

    /// True with `-o jsonl`.
    pub fn is_lines(&self) -> bool {
        self.global.output == Format::Jsonl
    }

    /// The credentials file.
    ///
    /// # Errors
    /// [`CliError::Usage`] when no folder is known for it.
    pub fn store(&self) -> Result<Store, CliError> {
        Ok(Store::new(settings::config_dir(self.console)?))
    }

    /// A way to the controller without a session.
    ///
    /// # Errors
    /// [`CliError::Usage`] when no controller is named; [`CliError::CaFile`].
    pub fn transport(&self) -> Result<Transport, CliError> {
        let mut urls = settings::urls(self.global, self.console)?;
        let ca_file = settings::ca_file(self.global, self.console);
        let credentials = match self.store().and_then(|store| Ok(store.load()?)) {
            Ok(credentials) => credentials,
            // With both given there is no need for a credentials file, nor for it to be sound.
            Err(_) if !urls.is_empty() && ca_file.is_some() => crate::Credentials::default(),
            Err(error) => return Err(error),
        };
        if urls.is_empty() {
            let Some(current) = &credentials.current else {
                return Err(CliError::usage(
                    "no controller is named",
                    "give --url https://HOST:7440 or set WHARDEN_URL; `wharden login` remembers it",
                ));
            };
            urls.push(settings::check_url(current)?);
        }
        let name = credentials.name_of(&urls);
        let session = name.as_ref().and_then(|name| credentials.sessions.get(name));
        // A session that ended leaves behind what the next login needs.
        let known = if session.is_none() { credentials.known_of(&urls) } else { None };
        let remembered = session.map_or_else(|| known?.ca_pem.clone(), |session| session.ca_pem.clone());
        let told = session.map(|session| &session.controllers).or(known.map(|known| &known.controllers));
        // What the cluster said of itself at login comes after what is named.
        for told in told.into_iter().flatten() {
            if let Ok(url) = settings::check_url(told)
                && !urls.contains(&url)
            {
                urls.push(url);
            }
        }
        let ca = match (ca_file, remembered) {
            (Some(path), _) => Some(tls::read_ca(&path)?),
            (None, Some(pem)) => Some(tls::Ca { pem, origin: "your session".to_owned() }),
            (None, None) => None,
        };
        Transport::new(urls, ca, name)
    }

    /// The session with the controller, when there is one.
    ///
    /// # Errors
    /// As [`Self::transport`].
    pub fn session(&self) -> Result<Option<crate::Session>, CliError> {
        Ok(self.store()?.load()?.sessions.remove(&self.transport()?.url()))
    }

    /// Keeps where the cluster says that its controllers are, for when the one of the session's URL cannot be reached.
    ///
    /// # Errors
    /// As [`Self::transport`], and when the file cannot be written.
    pub async fn remember(&self, controllers: Vec<String>) -> Result<(), CliError> {
        if self.service_key().is_some() {
            return Ok(());
        }
        let (store, url) = (self.store()?, self.transport()?.url());
        if store.load()?.sessions.get(&url).is_none_or(|session| session.controllers == controllers) {
            return Ok(());
        }
        let guard = store.lock().await?;
        let mut credentials = store.load()?;
        if let Some(session) = credentials.sessions.get_mut(&url) {
            session.controllers = controllers;
        }
        Ok(store.save(&credentials, &guard)?)
    }

    /// The controller and the session with it.
    ///
    /// # Errors
    /// [`CliError::NotLoggedIn`] when there is none, and as [`Self::transport`].
    pub fn api(&self) -> Result<Api, CliError> {
        if let Some(key) = self.service_key() {
            return Ok(Api::with_key(self.transport()?, key));
        }
        let codes = Codes {
            given: self.factor()?,
            force: self.global.force,
            person: self.console.prompts.clone(),
            subject: None,
        };
        Api::new(self.transport()?, self.store()?, self.console.clock.clone(), codes)
    }

    /// The key of a service account, in place of a session.
    pub fn service_key(&self) -> Option<Secret> {
        self.console.var("WHARDEN_TOKEN").map(Secret::new)
    }

    /// The second factor that the command line or the environment gives.
    ///
    /// # Errors
    /// [`CliError::Usage`] when it has the form of none.
    pub fn factor(&self) -> Result<Option<Factor>, CliError> {
        const FORM: &str = "they look like xxxxx-xxxxx, ten digits or letters";
        let now = "take the one that your authenticator shows now; a recovery code goes with --recovery-code";
        if let Some(code) = &self.global.recovery_code {
            let wrong = || CliError::usage("--recovery-code is none", FORM);
            return Factor::recovery(code.reveal()).ok_or_else(wrong).map(Some);
        }
        let (text, from) = match (&self.global.totp, self.console.var("WHARDEN_TOTP")) {
            (Some(code), _) => (code.reveal(), "--totp"),
            (None, Some(code)) => (code, "WHARDEN_TOTP"),
            (None, None) => {
                let Some(code) = self.console.var("WHARDEN_RECOVERY_CODE") else { return Ok(None) };
                let wrong = || CliError::usage("WHARDEN_RECOVERY_CODE is none", FORM);
                return Factor::recovery(code).ok_or_else(wrong).map(Some);
            }
        };
        Factor::totp(text)
            .ok_or_else(|| CliError::usage(format!("the code of {from} is not six digits"), now))
            .map(Some)
    }

    /// How tables look here and now.
    pub fn look(&self) -> Look {
        Look {
            now: self.console.now(),
            columns: self.console.columns,
            colour: self.console.columns.is_some() && self.console.may_colour(),
        }
    }

    /// Answers with a value: as JSON for programs, in a form of its own for people.
    ///
    /// # Errors
    /// [`CliError::Output`] when nobody takes it.
    pub fn answer<T: Serialize + ?Sized>(
        &mut self,
        value: &T,
        human: impl FnOnce(&Look) -> String,
    ) -> Result<(), CliError> {
        let mut text = match self.global.output {
            Format::Json => clean_json(serde_json::to_string_pretty(value)?),
            Format::Jsonl => clean_json(serde_json::to_string(value)?),
            Format::Table => human(&self.look()),
        };
        if !text.is_empty() && !text.ends_with('\n') {
            text.push('\n');
        }
        self.console.print(&text)
    }

    /// Answers with a list; when it is empty, people are told what that means.
    ///
    /// # Errors
    /// [`CliError::Output`] when nobody takes it.
    pub fn list<T: Serialize>(
        &mut self,
        items: &[T],
        empty: &str,
        human: impl FnOnce(&Look) -> String,
    ) -> Result<(), CliError> {
        if self.is_lines() {
            return self.lines(items);
        }
        if items.is_empty() && !self.is_json() {
            self.note(empty);
            return Ok(());
        }
        self.answer(items, human)
    }

    /// Prints each item on a line of its own.
    ///
    /// # Errors
    /// [`CliError::Output`] when nobody takes it.
    pub fn lines<T: Serialize>(&mut self, items: &[T]) -> Result<(), CliError> {
        for item in items {
            let line = clean_json(serde_json::to_string(item)?);
            self.console.print(&format!("{line}\n"))?;
        }
        Ok(())
    }

    /// Tells that something was done.
    ///
    /// # Errors
    /// [`CliError::Output`] when nobody takes it.
    pub fn done(&mut self, message: &str) -> Result<(), CliError> {
        #[derive(Serialize)]
        struct Done<'a> {
            done: &'a str,
        }
        if self.is_json() || !self.global.quiet {
            return self.answer(&Done { done: message }, |_| clean(message));
        }
        Ok(())
    }

    /// Tells that something was done, and for programs to what.
    ///
    /// # Errors
    /// [`CliError::Output`] when nobody takes it.
    pub fn changed(&mut self, data: &[(&str, &str)], message: &str) -> Result<(), CliError> {
        if !self.is_json() {
            return self.done(message);
        }
        let mut data: serde_json::Map<String, serde_json::Value> =
            data.iter().map(|(name, value)| ((*name).to_owned(), (*value).into())).collect();
        data.insert("done".to_owned(), message.into());
        self.answer(&data, |_| String::new())
    }

    /// Answers with a thing that was made: whole for programs, in a sentence for people.
    ///
    /// # Errors
    /// [`CliError::Output`] when nobody takes it.
    pub fn made<T: Serialize>(&mut self, value: &T, message: &str) -> Result<(), CliError> {
        if self.is_json() { self.answer(value, |_| String::new()) } else { self.done(message) }
    }

    /// A remark for people, on standard error.
    pub fn note(&mut self, message: &str) {
        if !self.global.quiet && !self.is_json() {
            self.console.warn(&clean(message));
        }
    }

    /// Asks before something is destroyed.
    ///
    /// # Errors
    /// [`CliError::NotConfirmed`] when the answer is not yes; [`CliError::Usage`] when there is nobody to ask.
    pub fn confirm(&mut self, yes: bool, question: &str) -> Result<(), CliError> {
        if yes {
            return Ok(());
        }
        match self.console.prompts.as_ref() {
            None => Err(CliError::usage(
                format!("there is no terminal to ask on: {}", clean(question)),
                "give --yes to go ahead",
            )),
            Some(prompts) => {
                match prompts.ask(&format!("{} [y/N] ", clean(question))).map_err(CliError::Prompt)?.as_str() {
                    "y" | "Y" | "yes" => Ok(()),
                    _ => Err(CliError::NotConfirmed),
                }
            }
        }
    }
}

/// Questions.
impl Context<'_> {
    /// True with `-q`.
    pub fn is_quiet(&self) -> bool {
        self.global.quiet
    }

    /// Asks for a line.
    ///
    /// # Errors
    /// [`CliError::Usage`] naming the flag when there is nobody to ask.
    pub fn ask(&mut self, what: &str, flag: &str) -> Result<String, CliError> {
        let prompts = self.console.prompts.as_ref().ok_or_else(|| nobody(what, flag))?;
        let answer = prompts.ask(&format!("{what}: ")).map_err(CliError::Prompt)?;
        if answer.is_empty() { Err(nothing(what, flag)) } else { Ok(answer) }
    }

    /// Asks for a line that is not shown.
    ///
    /// # Errors
    /// As [`Self::ask`].
    pub fn ask_hidden(&mut self, what: &str, flag: &str) -> Result<String, CliError> {
        let prompts = self.console.prompts.as_ref().ok_or_else(|| nobody(what, flag))?;
        let answer = prompts.ask_hidden(&format!("{what}: ")).map_err(CliError::Prompt)?;
        if answer.is_empty() { Err(nothing(what, flag)) } else { Ok(answer) }
    }

    /// Asks for a code of the second factor, until it has the form of one.
    ///
    /// # Errors
    /// As [`Self::ask`], and [`CliError::Usage`] after [`CODE_ATTEMPTS`].
    pub fn ask_code(&mut self) -> Result<Factor, CliError> {
        for _ in 0..CODE_ATTEMPTS {
            let text = self.ask("code (or a recovery code)", "--totp or --recovery-code")?;
            match Factor::read(&text) {
                Some(factor) => return Ok(factor),
                None => self.console.warn(NO_CODE),
            }
        }
        Err(CliError::usage(NO_CODE, "take the code that your authenticator shows now"))
    }

    /// Asks for a user name.
    ///
    /// # Errors
    /// As [`Self::ask`], and when it is no user name.
    pub fn ask_username(&mut self) -> Result<UserName, CliError> {
        let name = self.ask("user name", "--username")?;
        UserName::new(name).map_err(|error| CliError::usage(error.to_string(), "give it with --username"))
    }
}

fn nobody(what: &str, flag: &str) -> CliError {
    CliError::usage(format!("no {what} was given, and there is no terminal to ask on"), format!("give {flag}"))
}

fn nothing(what: &str, flag: &str) -> CliError {
    CliError::usage(format!("the {what} is empty"), format!("type it, or give {flag}"))
}
