//! Limits of the reasoning about capacity. Each says why it is what it is.

/// Hours of a host's history: two weeks show a daily pattern a dozen times and a trend of a week twice.
pub const HOURS_KEPT: usize = 14 * 24;
/// Days that a daily pattern needs before it is believed: with two, one odd day is half of the evidence.
pub const DAYS_FOR_PATTERN: usize = 3;
/// Hours that are one point of a trend. Short enough for eight points in two days, long enough for a median to mean
/// something.
pub const HOURS_PER_POINT: usize = 6;
/// Points that a trend needs: with fewer, Sen's confidence interval at 95 % spans all slopes.
pub const POINTS_FOR_TREND: usize = 8;
/// How far ahead a forecast goes, in hours. Nothing that was seen for two weeks says anything about the next quarter.
pub const FORECAST_HOURS: u32 = 90 * 24;
/// A host that is forecast to be over its high mark within so many hours is no target: what is moved there would soon
/// have to leave again.
pub const FILLING_HOURS: u32 = 7 * 24;
/// A value is a usual peak when it exceeds that of the same hour of earlier days by no more than this, in thousandths.
pub const USUAL_MARGIN_PERMILLE: u16 = 50;
/// Time constant of the smoothing, in seconds: a step is followed to 95 % after three of them, 15 minutes.
pub const SMOOTHING_S: u64 = 300;
/// Seconds for which a container that was moved is left where it is, so that its load on the new host is known.
pub const SETTLE_S: u64 = 24 * 3600;
/// Seconds for which what came to a host is added to the peak of its last day: a day, and the hour that is not over yet.
pub const NEWCOMER_S: u64 = 25 * 3600;
/// Seconds for which a container is not advised back to where it came from.
pub const MOVES_REMEMBERED_S: u64 = 30 * 24 * 3600;
/// Moves that are remembered; the oldest go first. A thousand a day for a month.
pub const MOVES_KEPT: usize = 30_000;
/// Steps of the search for the cheapest set of containers of one host. Reached with dozens of containers of nearly equal
/// size, where the set found first is about as cheap as any.
pub const CHOICE_STEPS: u32 = 4_000;
/// Targets with room that are compared for one container. They come emptiest first; later ones are hardly better.
pub const TARGETS_COMPARED: usize = 24;
/// Targets that are looked at for one container before it counts as having none, in a plan. Beyond it are only targets
/// with room and without the port or the distance that it needs.
pub const TARGETS_VISITED: usize = 512;
/// Times that the moves of one host are chosen anew because those chosen got in each other's way.
pub const PLACE_ATTEMPTS: usize = 8;
/// Different sets of requirements that have an index of their own in one plan; beyond it an index of the architecture
/// is searched.
pub const CLASSES_MAX: usize = 256;
/// Blocked containers that are named for one host that is stuck.
pub const BLOCKED_SHOWN: usize = 20;
/// Part of the used CPU or memory that is to leave a host under pressure (PSI) whose use is under its mark, in
/// thousandths. Pressure says that there is too much, not how much.
pub const PRESSURE_RELIEF_PERMILLE: u64 = 100;
