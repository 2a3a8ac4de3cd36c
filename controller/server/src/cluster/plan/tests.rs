use super::*;
use proptest::prelude::*;

fn set(numbers: &[u64]) -> BTreeSet<u64> {
    numbers.iter().copied().collect()
}

fn want(vote: bool, leaving: bool, status: ControllerStatus) -> Want {
    Want { vote, leaving, status }
}

fn picture(voters: &[u64], learners: &[u64], live: &[u64]) -> Picture {
    let wanted = voters
        .iter()
        .map(|n| (*n, want(true, false, ControllerStatus::Voter)))
        .chain(learners.iter().map(|n| (*n, want(false, false, ControllerStatus::Learner))))
        .collect();
    Picture {
        members: Members { voters: vec![set(voters)], learners: set(learners) },
        wanted,
        live: set(live),
        caught_up: set(learners),
    }
}

#[test]
fn a_joiner_becomes_learner_then_voter_and_then_the_state_hears_of_it() {
    let mut p = picture(&[1], &[], &[1]);
    assert_eq!(next(&p), Step::Nothing);
    p.wanted.insert(2, want(true, false, ControllerStatus::Joining));
    assert_eq!(next(&p), Step::AddLearner(2));
    p.members.learners.insert(2);
    assert!(matches!(next(&p), Step::Wait(why) if why.contains("catching up")));
    p.caught_up.insert(2);
    assert!(matches!(next(&p), Step::Wait(_)), "it does not answer");
    p.live.insert(2);
    assert_eq!(next(&p), Step::SetVoters(set(&[1, 2])));
    p.members = Members { voters: vec![set(&[1]), set(&[1, 2])], learners: set(&[]) };
    assert_eq!(next(&p), Step::SetVoters(set(&[1, 2])), "the second half");
    p.members = Members { voters: vec![set(&[1, 2])], learners: set(&[]) };
    assert_eq!(next(&p), Step::Settle { voters: set(&[1, 2]), learners: set(&[]) });
    p.wanted.insert(2, want(true, false, ControllerStatus::Voter));
    assert_eq!(next(&p), Step::Nothing);
}

#[test]
fn one_that_leaves_goes_when_the_others_can_go_on() {
    let mut p = picture(&[1, 2, 3], &[], &[1, 2]);
    p.wanted.insert(3, want(true, true, ControllerStatus::Voter));
    assert_eq!(next(&p), Step::SetVoters(set(&[1, 2])), "it is dead, the others are not");
    p.live = set(&[1, 3]);
    assert!(matches!(next(&p), Step::Wait(why) if why.contains("lose the quorum")), "1 and 2 would need each other");
    p.members.voters = vec![set(&[1, 2])];
    p.live = set(&[1, 2]);
    assert!(matches!(next(&p), Step::Settle { .. }));
    let mut last = picture(&[1], &[], &[1]);
    last.wanted.insert(1, want(true, true, ControllerStatus::Voter));
    assert!(matches!(next(&last), Step::Wait(_)));
}

#[test]
fn a_learner_comes_and_goes_without_a_vote() {
    let mut p = picture(&[1], &[4], &[1, 4]);
    assert_eq!(next(&p), Step::Nothing);
    p.wanted.insert(4, want(false, true, ControllerStatus::Learner));
    assert_eq!(next(&p), Step::DropLearner(4));
    p.wanted.insert(4, want(true, false, ControllerStatus::Learner));
    assert_eq!(next(&p), Step::SetVoters(set(&[1, 4])));
}

#[test]
fn a_refusal_says_who_is_missing() {
    let why = check(&set(&[1, 2, 3]), &set(&[1, 2]), &set(&[1, 3])).expect_err("1 alone");
    assert!(why.contains("of the 2 voters afterwards, 2 must be reachable, and 1 are (no answer from 2)"), "{why}");
    let why = check(&set(&[1, 2, 3]), &set(&[1]), &set(&[1])).expect_err("no quorum now");
    assert!(why.contains("of the 3 voters now"), "{why}");
}

fn numbers() -> impl Strategy<Value = BTreeSet<u64>> {
    prop::collection::btree_set(1_u64..8, 0..7)
}

proptest! {
    #[test]
    fn no_step_loses_the_quorum_or_moves_two_at_once(
        voters in prop::collection::btree_set(1_u64..8, 1..6),
        learners in numbers(), live in numbers(), caught_up in numbers(),
        wishes in prop::collection::btree_map(1_u64..8, (any::<bool>(), any::<bool>(), 0..3_u8), 0..8),
    ) {
        let learners: BTreeSet<u64> = learners.difference(&voters).copied().collect();
        let status = |n| match n { 0 => ControllerStatus::Joining, 1 => ControllerStatus::Voter, _ => ControllerStatus::Learner };
        let wanted = wishes.into_iter().map(|(n, (vote, leaving, s))| (n, want(vote, leaving, status(s)))).collect();
        let picture = Picture { members: Members { voters: vec![voters.clone()], learners: learners.clone() }, wanted, live: live.clone(), caught_up };
        match next(&picture) {
            Step::SetVoters(after) => {
                prop_assert!(has_quorum(&voters, &live) && has_quorum(&after, &live));
                prop_assert_eq!(voters.symmetric_difference(&after).count(), 1);
                prop_assert!(!after.is_empty());
                for new in after.difference(&voters) {
                    prop_assert!(learners.contains(new) && picture.caught_up.contains(new) && live.contains(new));
                }
            }
            Step::AddLearner(n) => prop_assert!(!voters.contains(&n) && !learners.contains(&n) && has_quorum(&voters, &live)),
            Step::DropLearner(n) => prop_assert!(learners.contains(&n) && has_quorum(&voters, &live)),
            Step::Settle { voters: v, learners: l } => prop_assert_eq!((v, l), (voters, learners)),
            Step::Nothing | Step::Wait(_) => {}
        }
    }
}
