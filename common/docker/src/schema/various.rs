//! Credentials, plugins, secrets and configs.

use super::mount::DRIVER;
use crate::json::{Shape, TEXT_MAP, TEXTS};
use Shape::{List, Object, Text};

/// Credentials for a registry; `push` also takes them in its body.
pub const AUTH: Shape = Object(&[
    ("username", Text),
    ("password", Text),
    ("auth", Text),
    ("email", Text),
    ("serveraddress", Text),
    ("identitytoken", Text),
    ("registrytoken", Text),
]);

pub const PLUGIN_PRIVILEGES: Shape = List(&Object(&[("Name", Text), ("Description", Text), ("Value", TEXTS)]));

pub const PLUGIN_SETTINGS: Shape = TEXTS;

pub const SECRET: Shape =
    Object(&[("Name", Text), ("Labels", TEXT_MAP), ("Data", Text), ("Driver", DRIVER), ("Templating", DRIVER)]);

pub const CONFIG: Shape = Object(&[("Name", Text), ("Labels", TEXT_MAP), ("Data", Text), ("Templating", DRIVER)]);
