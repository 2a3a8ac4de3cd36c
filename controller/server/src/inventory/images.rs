//! Images, each held once however many hosts have it, with these hosts, and found by what it is called.

use super::{filter::Filter, limits::IMAGE_BYTES, reference};
use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};
use wharden_model::inventory::Image;

/// See the module. Hosts are known by their places.
#[derive(Default)]
pub struct Images {
    /// The hosts are in order.
    hosts: HashMap<Arc<Image>, Vec<u32>>,
    /// By id, and by each tag and digest in its one spelling, with and without what makes it whole.
    named: HashMap<Box<str>, Vec<Arc<Image>>>,
    /// Pairs of an image and a host.
    held: usize,
}

impl Images {
    /// A host has an image; the one that is held, or this one from now on.
    pub fn take(&mut self, image: Image, host: u32) -> Arc<Image> {
        let image = match self.hosts.get_key_value(&image) {
            Some((held, _)) => Arc::clone(held),
            None => {
                let image = Arc::new(image);
                for name in names(&image) {
                    self.named.entry(name.into()).or_insert_with(|| Vec::with_capacity(1)).push(Arc::clone(&image));
                }
                image
            }
        };
        let hosts = self.hosts.entry(Arc::clone(&image)).or_default();
        if let Err(at) = hosts.binary_search(&host) {
            hosts.insert(at, host);
            self.held += 1;
        }
        image
    }

    /// A host has it no more; with the last one it goes.
    pub fn release(&mut self, image: &Arc<Image>, host: u32) {
        let Some(hosts) = self.hosts.get_mut(image) else { return };
        if let Ok(at) = hosts.binary_search(&host) {
            hosts.remove(at);
            self.held = self.held.saturating_sub(1);
        }
        if !hosts.is_empty() {
            return;
        }
        self.hosts.remove(image);
        for name in names(image) {
            let Some(images) = self.named.get_mut(name.as_str()) else { continue };
            images.retain(|other| other != image);
            if images.is_empty() {
                self.named.remove(name.as_str());
            }
        }
    }

    /// Images that the filter takes, each with a host that has it. `None` when the filter takes any image, or more than
    /// `most` of these pairs.
    pub fn find(&self, filter: &Filter, most: usize) -> Option<Vec<(u32, &Arc<Image>)>> {
        let mut found = Vec::new();
        let mut add = |image: &Arc<Image>| {
            if filter.takes_image(image)
                && let Some((image, hosts)) = self.hosts.get_key_value(image)
            {
                found.extend(hosts.iter().map(|host| (*host, image)));
            }
            found.len() <= most
        };
        let fits = match &filter.image {
            Some(image) => {
                let (whole, repository) = reference::normal(image);
                let name = if reference::is_id(image) || reference::is_whole(image) { whole } else { repository };
                self.named.get(name.as_str()).is_none_or(|images| images.iter().all(&mut add))
            }
            None if filter.name.is_some() || filter.label.is_some() || filter.owner.is_some() => {
                self.hosts.keys().all(&mut add)
            }
            None => return None,
        };
        fits.then_some(found)
    }

    /// Images held.
    pub fn len(&self) -> usize {
        self.hosts.len()
    }

    /// Pairs of an image and a host that has it.
    pub const fn held(&self) -> usize {
        self.held
    }

    /// About the bytes of memory that it takes.
    pub fn memory(&self) -> usize {
        self.hosts.len() * IMAGE_BYTES + self.held * size_of::<u32>()
    }

    /// Names that images are found by.
    #[cfg(test)]
    pub fn names(&self) -> usize {
        self.named.len()
    }
}

/// What an image is found by.
fn names(image: &Image) -> BTreeSet<String> {
    let mut names = BTreeSet::from([image.id.clone()]);
    for tag in image.tags.iter().chain(&image.digests) {
        let (whole, repository) = reference::normal(tag);
        names.extend([whole, repository]);
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_images_are_one_until_no_host_has_it_and_nothing_is_left_then() {
        let image = |n: u32| Image {
            id: format!("sha256:{n}"),
            tags: vec![format!("docker.io/library/app:{n}"), "shared:1".to_owned()],
            ..Image::default()
        };
        let mut images = Images::default();
        let (one, again) = (images.take(image(1), 7), images.take(image(1), 3));
        let other = images.take(image(2), 3);
        assert!(Arc::ptr_eq(&one, &again));
        assert_eq!((images.len(), images.held()), (2, 3));
        let found = |images: &Images, text: &str| {
            let filter = Filter { image: Some(text.to_owned()), ..Filter::default() };
            let found = images.find(&filter, 9).expect("few");
            let mut found: Vec<_> = found.into_iter().map(|(host, image)| (host, image.id.clone())).collect();
            found.sort_unstable();
            found
        };
        let (first, second) = (one.id.clone(), other.id.clone());
        assert_eq!(found(&images, "app:1"), [(3, first.clone()), (7, first)]);
        assert_eq!(found(&images, "app").len(), 3);
        assert_eq!(found(&images, "shared").len(), 3);
        assert_eq!(found(&images, &second), [(3, second.clone())]);
        assert!(images.find(&Filter { image: Some("app".to_owned()), ..Filter::default() }, 2).is_none());
        assert!(images.find(&Filter::default(), 9).is_none());
        images.release(&one, 7);
        images.release(&again, 3);
        assert_eq!((found(&images, "app:1"), found(&images, "shared")), (vec![], vec![(3, second)]));
        images.release(&other, 3);
        assert_eq!((images.len(), images.held(), images.names()), (0, 0, 0));
    }
}
