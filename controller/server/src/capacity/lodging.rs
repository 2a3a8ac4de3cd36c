//! Being asked to plan for hosts of other controllers, and asking them to.

use super::{
    accepted::Accepted,
    ask::Told,
    guests::{Guest, Hosted, Lodger, Peers, Round},
    held::{Held, heard},
    limits::{GUEST_KEPT_S, GUESTS_MAX},
    view::FleetView,
    watch::Watch,
};
use std::{collections::BTreeMap, sync::Arc};
use wharden_model::{HostId, Timestamp};
use wharden_state::State;

impl Watch {
    /// Plans for these hosts of another controller, and for no others of it.
    pub(super) fn host(&self, state: &State, of: u64, guests: Vec<Guest>, now: Timestamp) -> Told {
        self.held().lodge(state, of, guests, now);
        self.plan(state, now);
        let held = self.held();
        let of_theirs = held.guests.iter().filter(|(_, lodger)| lodger.of == of);
        let hosted = of_theirs.map(|(host, _)| {
            let accepted = held.accepted_of(host).cloned().collect();
            Hosted { host: host.clone(), accepted }
        });
        Told::Hosted(hosted.collect())
    }

    /// Asks the others for those for which nothing was found here.
    pub(super) async fn lodge(&self, peers: &impl Peers) {
        let (homeless, before) = {
            let held = self.held();
            (held.homeless.clone(), held.lodged.clone())
        };
        if homeless.is_empty() && before.is_empty() {
            return;
        }
        let hosted = Round { peers, before: &before }.go(homeless).await;
        let (_, now) = self.present();
        self.held().lodged(hosted, now);
    }
}

impl Held {
    /// Moves of a host that were accepted here.
    fn accepted_of(&self, host: &HostId) -> impl Iterator<Item = &Accepted> {
        self.accepted.iter().filter(move |accepted| accepted.reservation.source == *host)
    }

    /// Takes in the guests of another controller; the time of those that it had here is over. The next plan forgets whom it must.
    fn lodge(&mut self, state: &State, of: u64, guests: Vec<Guest>, now: Timestamp) {
        self.guests.values_mut().filter(|lodger| lodger.of == of).for_each(|lodger| lodger.until = now);
        let until = now.plus_secs(GUEST_KEPT_S);
        for guest in guests.into_iter().take(GUESTS_MAX) {
            let host = guest.host.id.clone();
            if state.hosts.contains_key(&host) {
                self.guests.insert(host, Lodger { guest: Arc::new(guest), of, until });
            }
        }
    }

    /// Drops guests that nobody has asked for again, unless a move of theirs is accepted, and those that have come home: a host of
    /// this controller is looked at as it is.
    pub(super) fn forget_guests(&mut self, now: Timestamp) {
        let mut guests = std::mem::take(&mut self.guests);
        guests.retain(|host, lodger| {
            let own = self.tracks.get(host).is_some_and(|track| track.seen.connected);
            !own && (lodger.until > now || self.accepted_of(host).next().is_some())
        });
        self.guests = guests;
    }

    /// Remembers who plans for which host of here, and what was accepted there: its alerts are acknowledged, and its load is as
    /// good as gone.
    fn lodged(&mut self, hosted: BTreeMap<u64, Vec<Hosted>>, now: Timestamp) {
        self.lodged.clear();
        for (number, hosted) in hosted.into_iter().flat_map(|(n, all)| all.into_iter().map(move |one| (n, one))) {
            self.lodged.insert(hosted.host.clone(), number);
            for accepted in hosted.accepted {
                if !self.elsewhere.iter().any(|known| known.reservation.container == accepted.reservation.container) {
                    self.acknowledge(&accepted, now);
                    self.elsewhere.push(accepted);
                    self.stale = true;
                }
            }
        }
    }

    /// Drops what is done, or too late.
    pub(super) fn forget_elsewhere(&mut self, view: &dyn FleetView, now: Timestamp) {
        self.elsewhere.retain(|accepted| {
            let contents = view.contents(&accepted.reservation.source);
            let runs =
                contents.is_some_and(|c| c.containers.iter().any(|c| c.up && c.id == accepted.reservation.container));
            runs && accepted.shown.until > now
        });
    }

    /// Somebody follows advice for a host here: its alerts are known to them.
    pub(super) fn acknowledge(&mut self, accepted: &Accepted, now: Timestamp) {
        let (advice, by) = (&accepted.shown.advice, &accepted.shown.by);
        let source = &advice.source.host;
        let Some(track) = self.tracks.get_mut(&source.id) else { return };
        let mut records = Vec::new();
        for reason in &advice.reasons {
            let transition = track.alert_mut(reason.signal).acknowledge(by.clone(), now);
            records.extend(transition.map(|t| heard(source, reason.signal, t, reason.value_permille, by, now)));
        }
        self.remember(records);
    }
}
