//! The tracker's contract as `wit/tracker.wit` states it. Every tracker passes these cases, whatever it stores in.
#![allow(missing_docs, unreachable_pub, dead_code)]

pub mod lifecycle;
pub mod lookups;
pub mod model;
pub mod pages;
pub mod support;

/// A test for each case of the contract; `$open` makes an empty ledger.
macro_rules! contract {
    ($open:path) => {
        contract! { $open =>
            lifecycle: a_recorded_file_can_be_looked_up_whole
            lifecycle: recording_again_changes_nothing_whatever_it_says
            lifecycle: a_batch_is_answered_in_order_and_sees_itself
            lifecycle: the_last_release_over_all_tenants_makes_the_remote_file_die
            lifecycle: only_its_tenant_can_release_a_file_and_only_once
            lifecycle: no_reference_is_taken_to_what_is_not_live
            lifecycle: an_expired_remote_file_is_claimed_by_nobody_but_may_be_recorded_anew
            lifecycle: observing_moves_between_live_and_missing_but_never_out_of_dying
            lifecycle: the_last_release_of_a_missing_remote_file_makes_it_die_too
            lifecycle: only_what_is_not_live_can_be_forgotten
            lifecycle: files_of_a_forgotten_remote_file_count_again_if_its_id_comes_back
            lifecycle: expiring_releases_what_expired_in_portions
            lookups: a_key_matches_as_a_whole
            lookups: each_tenant_finds_a_shared_remote_file_under_its_own_key
            lookups: of_several_remote_files_the_one_verified_last_is_found
            lookups: an_expired_file_is_neither_found_nor_listed
            lookups: sizes_are_known_by_tenant_and_account
            lookups: totals_and_usage_follow_every_change
            lookups: names_may_hold_anything_but_a_nul
            pages: a_walk_over_equal_timestamps_meets_every_file_once_in_either_order
            pages: the_newest_come_first
            pages: a_cursor_survives_the_removal_of_its_row_and_new_rows_in_front
            pages: a_cursor_of_another_list_opens_nothing
            pages: a_limit_out_of_range_is_refused
            pages: remote_files_are_paged_by_account_and_id_with_filters
            model: the_ledger_agrees_with_counting_by_looking
        }
    };
    ($open:path => $($module:ident: $case:ident)*) => {
        $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $case() {
            suite::$module::$case(&$open().await).await;
        })*
    };
}
