//! The list of controllers, as agents are told.

use wharden_proto::v1::{ControllerAddress, Controllers};
use wharden_state::{ControllerStatus, State};

/// Those that take agents: all that have the whole state and stay.
pub(super) fn list(state: &State) -> Controllers {
    let takes = state.controllers.members.iter().filter(|(_, c)| !c.leaving && c.status != ControllerStatus::Joining);
    let controllers = takes.map(|(number, c)| ControllerAddress { number: *number, address: c.seat.agent.clone() });
    Controllers { controllers: controllers.collect() }
}
