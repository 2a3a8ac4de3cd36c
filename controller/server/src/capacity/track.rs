//! What is remembered of one host: its values smoothed and by the hour, its alerts, and what its containers need.

use super::view::{SeenContainer, SeenHost};
use std::collections::BTreeMap;
use wharden_capacity::{
    Alert,
    series::{Forecast, Hourly, Level, Need, Season, Smooth, forecast, hourly::hour_of, season::usual_at},
};
use wharden_model::{
    Timestamp,
    capacity::{Amount, CapacityAlert, HostRef, Marks, Resource, Signal, Transition},
};

/// See the module.
#[derive(Clone, Debug, Default)]
pub struct Track {
    /// Of the last look.
    pub seen: SeenHost,
    used: [Level; 5],
    psi: [Smooth; 3],
    hours: [Hourly; 5],
    alerts: [Alert; 8],
    needs: BTreeMap<String, Need>,
    /// At the last look a container was gone.
    lost: bool,
    /// The hour that the coming day was looked at last, and what is expected of it.
    looked: Option<u64>,
    expected: [u16; 5],
    forecasts: [Option<Forecast>; 5],
}

/// What a look at a host changed.
pub struct Changed {
    pub signal: Signal,
    pub transition: Transition,
    pub value_permille: u16,
}

impl Track {
    /// Takes a sample. `offset_s` spreads the hourly work of many hosts over the hour.
    pub fn observe(&mut self, now: Timestamp, seen: SeenHost, marks: &Marks, offset_s: u64) -> Vec<Changed> {
        let sampled = seen.sampled_at.is_some_and(|at| self.seen.sampled_at.is_none_or(|last| at > last));
        self.seen = seen;
        if sampled {
            for (i, value) in self.seen.used.to_array().into_iter().enumerate() {
                self.used[i].observe(now, value as f64);
            }
            for (i, value) in self.seen.psi_permille.into_iter().enumerate() {
                self.psi[i].observe(now, f64::from(value));
            }
            for resource in Resource::ALL {
                if let Some(share) = self.share(resource) {
                    self.hours[resource as usize].observe(now, share);
                }
            }
            self.look_ahead(now, marks, offset_s);
        }
        // Without samples nothing is known, and what is not known ends no alert and raises none.
        if !self.seen.connected || self.seen.sampled_at.is_none() {
            return Vec::new();
        }
        let mut changed = Vec::new();
        for signal in Signal::ALL {
            let Some(value) = self.value(signal) else { continue };
            if let Some(transition) = self.alerts[signal as usize].observe(now, value, marks.of(signal)) {
                changed.push(Changed { signal, transition, value_permille: value });
            }
        }
        changed
    }

    fn look_ahead(&mut self, now: Timestamp, marks: &Marks, offset_s: u64) {
        let slot = (now.as_secs() + offset_s) / 3600;
        if self.looked == Some(slot) {
            return;
        }
        self.looked = Some(slot);
        let hour = hour_of(now);
        for resource in Resource::ALL {
            let hours = &self.hours[resource as usize];
            let season = Season::of(hours);
            let high = marks.of(resource.signal()).high_permille;
            self.expected[resource as usize] = season.expected_peak(hours, hour).unwrap_or(0);
            self.forecasts[resource as usize] = forecast(hours, &season, hour, high);
        }
    }

    /// Takes what its containers use, and forgets those that are gone. What these had brought to the values of the host, when
    /// any are.
    pub fn observe_containers(&mut self, now: Timestamp, containers: &[SeenContainer]) -> Option<[f64; 5]> {
        let mut old = std::mem::take(&mut self.needs);
        for container in containers.iter().filter(|c| c.up) {
            let mut need = old.remove(&container.id).unwrap_or_else(|| Need::since(self.used[0].at()));
            if let Some(used) = container.used {
                need.observe(now, used);
            }
            self.needs.insert(container.id.clone(), need);
        }
        let contributed = old.values().map(Need::contributed);
        contributed.reduce(|sum, one| std::array::from_fn(|r| sum[r] + one[r]))
    }

    /// Takes off at once what is gone: nobody should be advised to move another container while the smoothed value comes
    /// down. For hosts whose containers are looked at each time; the values of others have come down already. True when a plan
    /// of before does not hold: now, and once more at the next look, since the sample of now may be from just before it went.
    pub fn take_off(&mut self, gone: Option<[f64; 5]>) -> bool {
        for (used, gone) in self.used.iter_mut().zip(gone.unwrap_or_default()) {
            used.went(gone);
        }
        std::mem::replace(&mut self.lost, gone.is_some()) || self.lost
    }

    /// What a container takes now and at its peak; what was seen just now when nothing was remembered yet.
    pub fn need(&self, container: &SeenContainer) -> (Amount, Amount) {
        let one = Amount { containers: 1, ..container.used.unwrap_or_default() };
        self.needs.get(&container.id).map_or((one, one), |need| (need.now(), need.peak().max(need.now())))
    }

    /// What the host uses, smoothed.
    pub fn used(&self) -> Amount {
        Amount::from_array(self.used.map(|level| level.value().round() as u64))
    }

    /// The highest that is expected within a day.
    pub fn peak(&self) -> Amount {
        let capacity = self.seen.capacity.to_array();
        let expected = |r: usize| u128::from(capacity[r]) * u128::from(self.expected[r]) / 1000;
        let peak = Amount::from_array(std::array::from_fn(|r| u64::try_from(expected(r)).unwrap_or(u64::MAX)));
        peak.max(self.used())
    }

    pub fn psi(&self) -> [u16; 3] {
        self.psi.map(|smooth| smooth.value() as u16)
    }

    fn share(&self, resource: Resource) -> Option<u16> {
        // Of small capacities a whole number would be too coarse: 9.9 of 10 containers are not 9.
        let capacity = self.seen.capacity.get(resource);
        let permille = self.used[resource as usize].value() * 1000.0 / capacity as f64;
        (capacity > 0).then_some(permille as u16)
    }

    fn value(&self, signal: Signal) -> Option<u16> {
        let psi = self.psi();
        match signal {
            Signal::PsiCpu => Some(psi[0]),
            Signal::PsiMemory => Some(psi[1]),
            Signal::PsiIo => Some(psi[2]),
            _ => signal.resource().and_then(|resource| self.share(resource)),
        }
    }

    pub fn alert_mut(&mut self, signal: Signal) -> &mut Alert {
        &mut self.alerts[signal as usize]
    }

    /// The value of a signal whose alert is up, in thousandths.
    pub fn up(&self, signal: Signal) -> Option<u16> {
        self.alerts[signal as usize].up().map(|_| self.value(signal).unwrap_or(0))
    }

    /// Neither up nor on its way there.
    pub fn is_calm(&self, signal: Signal) -> bool {
        self.alerts[signal as usize] == Alert::default()
    }

    /// Signals whose alert is up and not snoozed.
    pub fn pressed(&self) -> Vec<Signal> {
        Signal::ALL.into_iter().filter(|signal| self.alerts[*signal as usize].wants_relief()).collect()
    }

    /// Its alerts that are up.
    pub fn alerts(&self, host: &HostRef, marks: &Marks, now: Timestamp) -> Vec<CapacityAlert> {
        let alert = |signal: Signal| {
            let up = self.alerts[signal as usize].up()?;
            let value_permille = self.value(signal).unwrap_or(0);
            let hours = signal.resource().map(|resource| &self.hours[resource as usize]);
            Some(CapacityAlert {
                host: host.clone(),
                signal,
                raised_at: up.raised_at,
                value_permille,
                worst_permille: up.worst_permille,
                mark: marks.of(signal),
                usual_peak: hours.is_some_and(|hours| usual_at(hours, hour_of(now), value_permille)),
                state: up.state.clone(),
            })
        };
        Signal::ALL.into_iter().filter_map(alert).collect()
    }

    /// When each resource will be over its high mark, with its share of now.
    pub fn forecasts(&self) -> impl Iterator<Item = (Resource, Forecast, u16)> {
        Resource::ALL.into_iter().filter_map(|resource| {
            Some((resource, self.forecasts[resource as usize]?, self.share(resource).unwrap_or(0)))
        })
    }
}
