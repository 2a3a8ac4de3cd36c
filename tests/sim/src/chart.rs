//! Line charts of several runs as SVG, from their JSON: how memory, processor time and the time of a push grow with the
//! number of hosts.

use crate::figures::Figures;
use std::fmt::Write;

/// Width and height, and the room around the lines, in pixels.
const SIZE: (f64, f64) = (640.0, 360.0);
const MARGIN: (f64, f64, f64, f64) = (70.0, 40.0, 20.0, 50.0);
const COLOURS: [&str; 3] = ["#1f6feb", "#d29922", "#8250df"];

/// One line of a chart.
pub struct Series {
    pub name: &'static str,
    /// Hosts, and the value at so many.
    pub points: Vec<(f64, f64)>,
}

/// The charts of these runs, each with the name of its file.
pub fn charts(runs: &[Figures]) -> Vec<(&'static str, String)> {
    let series = |name, value: fn(&Figures) -> Option<f64>| {
        let mut points: Vec<_> = runs.iter().filter_map(|run| Some((run.hosts as f64, value(run)?))).collect();
        points.sort_by(|one, other| one.0.total_cmp(&other.0));
        Series { name, points }
    };
    let memory =
        [series("resident memory", |run| Some(run.rss_per_host_bytes? as f64 * run.hosts as f64 / (1024.0 * 1024.0)))];
    let idle = [series("at rest", |run| Some(run.idle_core_fraction? * 100.0))];
    let push = [
        series("Wharden, median", |run| run.push_p50_ms),
        series("Wharden, 99th of 100", |run| run.push_p99_ms),
        series("etcd's watchers, median", |run| run.etcd.as_ref().map(|etcd| etcd.push_p50_ms)),
    ];
    vec![
        ("scale-memory.svg", chart("Memory of the controller for its hosts, MiB", &memory)),
        ("scale-idle.svg", chart("Processor time of the controller at rest, % of one core", &idle)),
        ("scale-push.svg", chart("One rule changed: committed to acknowledged, ms", &push)),
    ]
}

/// One chart.
pub fn chart(title: &str, series: &[Series]) -> String {
    let (left, top, right, bottom) = MARGIN;
    let all = || series.iter().flat_map(|one| &one.points);
    let widest = nice(all().map(|point| point.0).fold(1.0, f64::max));
    let highest = nice(all().map(|point| point.1).fold(0.001, f64::max));
    let x = |value: f64| left + value / widest * (SIZE.0 - left - right);
    let y = |value: f64| SIZE.1 - bottom - value / highest * (SIZE.1 - top - bottom);
    let mut svg = String::new();
    let mut line = |text: std::fmt::Arguments<'_>| {
        let _ = writeln!(svg, "{text}");
    };
    line(format_args!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {} {}" font-family="sans-serif" font-size="12">"#,
        SIZE.0, SIZE.1
    ));
    line(format_args!(r##"<rect width="100%" height="100%" fill="#ffffff"/>"##));
    line(format_args!(r#"<text x="{left}" y="24" font-size="14">{title}</text>"#));
    for part in 0..=4 {
        let (at_x, at_y) = (widest * f64::from(part) / 4.0, highest * f64::from(part) / 4.0);
        line(format_args!(
            r##"<line x1="{left}" y1="{0:.1}" x2="{1}" y2="{0:.1}" stroke="#d0d7de"/>"##,
            y(at_y),
            SIZE.0 - right
        ));
        line(format_args!(
            r#"<text x="{}" y="{:.1}" text-anchor="end">{}</text>"#,
            left - 6.0,
            y(at_y) + 4.0,
            short(at_y)
        ));
        line(format_args!(
            r#"<text x="{:.1}" y="{}" text-anchor="middle">{}</text>"#,
            x(at_x),
            SIZE.1 - bottom + 18.0,
            short(at_x)
        ));
    }
    line(format_args!(r#"<text x="{}" y="{}" text-anchor="end">hosts</text>"#, SIZE.0 - right, SIZE.1 - 10.0));
    for (n, (one, colour)) in series.iter().filter(|one| !one.points.is_empty()).zip(COLOURS).enumerate() {
        let points: Vec<String> = one.points.iter().map(|(a, b)| format!("{:.1},{:.1}", x(*a), y(*b))).collect();
        line(format_args!(
            r#"<polyline points="{}" fill="none" stroke="{colour}" stroke-width="2"/>"#,
            points.join(" ")
        ));
        for point in &points {
            let (at_x, at_y) = point.split_once(',').unwrap_or_default();
            line(format_args!(r#"<circle cx="{at_x}" cy="{at_y}" r="3" fill="{colour}"/>"#));
        }
        let at = top + 6.0 + 16.0 * n as f64;
        line(format_args!(r#"<text x="{}" y="{at}" fill="{colour}">{}</text>"#, left + 10.0, one.name));
    }
    line(format_args!("</svg>"));
    svg
}

/// The next round number that is not smaller.
fn nice(value: f64) -> f64 {
    let power = 10_f64.powf(value.log10().floor());
    [1.0, 2.0, 4.0, 5.0, 8.0, 10.0].into_iter().map(|step| step * power).find(|nice| *nice >= value).unwrap_or(value)
}

fn short(value: f64) -> String {
    let text = if value >= 10.0 || value == 0.0 { format!("{value:.0}") } else { format!("{value:.2}") };
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chart_has_a_point_for_each_run_that_measured_the_value() {
        let run = |hosts, memory: Option<u64>| Figures { hosts, rss_per_host_bytes: memory, ..Figures::default() };
        let all = charts(&[run(5000, Some(20_000)), run(1000, Some(30_000)), run(10_000, None)]);
        let (name, memory) = &all[0];
        assert_eq!((*name, memory.matches("<circle").count()), ("scale-memory.svg", 2));
        assert!(memory.starts_with("<svg") && memory.trim_end().ends_with("</svg>"));
        assert_eq!(all[1].1.matches("<circle").count(), 0);
    }

    #[test]
    fn scales_end_at_round_numbers() {
        assert_eq!([0.7, 3.0, 19_000.0, 45.0, 800.0].map(nice), [0.8, 4.0, 20_000.0, 50.0, 800.0]);
        assert_eq!([0.0, 2.5, 12.4, 5000.0].map(short), ["0", "2.5", "12", "5000"]);
    }
}
