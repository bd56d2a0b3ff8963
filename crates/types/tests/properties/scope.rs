//! The algebra of scopes (AS7, RS4).

use docent_types::scope::{Scope, ScopeSet};
use proptest::prelude::*;

fn sets() -> impl Strategy<Value = ScopeSet> {
    proptest::sample::subsequence(Scope::ALL.to_vec(), 0..=Scope::ALL.len()).prop_map(ScopeSet::from_iter)
}

fn is_subset(one: &ScopeSet, other: &ScopeSet) -> bool {
    one.iter().all(|scope| other.contains(scope))
}

proptest! {
    /// What is printed is read back, in one order, whatever stands between.
    #[test]
    fn a_set_is_read_back_as_it_was_printed(set in sets(), gap in "[ \\t\\n]{1,3}", unknown in "[a-z]{1,5}:[a-z.]{1,5}") {
        prop_assert_eq!(&ScopeSet::parse_known(&set.to_string()), &set);
        let mut words: Vec<String> = set.iter().map(|scope| scope.as_str().to_owned()).collect();
        words.reverse();
        words.extend(words.clone());
        words.insert(words.len() / 2, format!("x-{unknown}"));
        let read = ScopeSet::parse_known(&format!("{gap}{}{gap}", words.join(&gap)));
        prop_assert_eq!(&read, &set, "{:?}", words);
        prop_assert_eq!(read.to_string(), set.to_string());
        let json = serde_json::to_string(&set).unwrap();
        prop_assert_eq!(serde_json::from_str::<ScopeSet>(&json).unwrap(), set);
    }

    /// Any text is read, and only known scopes come of it, as they were written.
    #[test]
    fn any_text_gives_known_scopes_only(text in "\\PC{0,60}") {
        let read = ScopeSet::parse_known(&text);
        prop_assert!(read.iter().all(|scope| text.split_ascii_whitespace().any(|word| word == scope.as_str())));
    }

    /// The union is a union: in any order, once and twice, and it covers its parts.
    #[test]
    fn the_union_is_a_union(a in sets(), b in sets(), c in sets()) {
        prop_assert_eq!(a.union(&b), b.union(&a));
        prop_assert_eq!(a.union(&b).union(&c), a.union(&b.union(&c)));
        prop_assert_eq!(&a.union(&a), &a);
        prop_assert_eq!(&a.union(&ScopeSet::default()), &a);
        prop_assert!(a.union(&b).covers(&a) && a.union(&b).covers(&b));
        for scope in Scope::ALL {
            prop_assert_eq!(a.union(&b).contains(scope), a.contains(scope) || b.contains(scope));
            prop_assert_eq!(a.union(&b).permits(scope), a.permits(scope) || b.permits(scope));
        }
    }

    /// RS4: what covers, covers what is covered; what permits a scope permits what that one implies.
    #[test]
    fn covering_is_an_order_and_implication_goes_with_it(a in sets(), b in sets(), c in sets()) {
        prop_assert!(a.covers(&a) && a.covers(&ScopeSet::default()));
        prop_assert!(!(a.covers(&b) && b.covers(&c)) || a.covers(&c));
        prop_assert!(!is_subset(&b, &a) || a.covers(&b));
        prop_assert_eq!(a.covers(&b.union(&c)), a.covers(&b) && a.covers(&c));
        for scope in Scope::ALL {
            prop_assert!(!a.contains(scope) || a.permits(scope));
            prop_assert!(!a.permits(scope) || scope.implies().iter().all(|narrower| a.permits(*narrower)), "{:?} in {}", scope, a);
            prop_assert!(!scope.implies().contains(&scope));
        }
    }

    /// AS9: narrowing never widens: nothing is left that was not asked for, and nothing that was not granted.
    #[test]
    fn narrowing_never_widens(asked in sets(), granted in sets()) {
        let narrowed = asked.narrowed_to(&granted);
        prop_assert!(is_subset(&narrowed, &asked) && granted.covers(&narrowed));
        prop_assert_eq!(&narrowed.narrowed_to(&granted), &narrowed);
        prop_assert_eq!(narrowed == asked, granted.covers(&asked));
        prop_assert!(asked.narrowed_to(&ScopeSet::default()).is_empty());
    }
}
