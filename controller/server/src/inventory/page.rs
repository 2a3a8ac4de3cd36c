//! Pages: of places here, and of the pages of several controllers.

use super::{
    answer::{Sign, Thing},
    filter::Place,
    limits::PAGE_BYTES,
};
use std::{collections::BTreeMap, io};
use wharden_model::{HostId, api::InventoryPage};

/// Cuts to a length; true when there was more.
pub fn cut<T>(list: &mut Vec<T>, max: usize) -> bool {
    let more = list.len() > max;
    list.truncate(max);
    more
}

/// The things at these places, as far as they are still there and fit.
pub fn page_of<T: Thing>(places: Vec<Place>, more: bool, thing: impl Fn(&Place) -> Option<T>) -> InventoryPage<T> {
    let mut items = Vec::with_capacity(places.len());
    let (mut bytes, mut last) = (0, None);
    let mut early = false;
    for place in places {
        if bytes > PAGE_BYTES {
            early = true;
            break;
        }
        if let Some(item) = thing(&place) {
            bytes += size(&item);
            items.push(item);
        }
        last = Some(place);
    }
    let next = last.filter(|_| more || early).map(|place| place.cursor());
    InventoryPage { items, next, unreachable: Vec::new() }
}

/// One page out of those of several controllers. What a controller tells of a host that another one knows better is left
/// out.
pub fn merge<T: Thing>(pages: Vec<InventoryPage<T>>, limit: usize) -> InventoryPage<T> {
    // A page that ends early says nothing about what comes after its end: nobody's things count from there on.
    let end = pages.iter().filter_map(|page| Place::read(page.next.as_deref()?)).min();
    let mut best: BTreeMap<HostId, Sign> = BTreeMap::new();
    for item in pages.iter().flat_map(|page| &page.items) {
        let sign = best.entry(item.host().clone()).or_default();
        *sign = (*sign).max(item.sign());
    }
    let mut items: Vec<T> = pages.into_iter().flat_map(|page| page.items).collect();
    items.retain(|item| {
        best.get(item.host()).is_none_or(|sign| item.sign() >= *sign)
            && end.as_ref().is_none_or(|end| item.place() <= *end)
    });
    items.sort_by_cached_key(Thing::place);
    items.dedup_by_key(|item| item.place());
    let more = cut(&mut items, limit);
    let next = if more { items.last().map(Thing::place) } else { end };
    InventoryPage { items, next: next.map(|place| place.cursor()), unreachable: Vec::new() }
}

/// Bytes of its JSON.
fn size<T: Thing>(item: &T) -> usize {
    struct Count(usize);
    impl io::Write for Count {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 += bytes.len();
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut count = Count(0);
    // What cannot be written is not sent either.
    let _ = serde_json::to_writer(&mut count, item);
    count.0
}
