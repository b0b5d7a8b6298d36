//! Recovery dies at each step of settling: a change is told once, and what was held is released once.

use payload::billing::access::Access;

use crate::entitlement::{LONG, Shop, ids, listener, told};
use crate::faults::{Fault, Request, Rule};
use crate::later::as_of;
use crate::receiver::Receiver;
use crate::samples::issued;
use crate::source::now;
use crate::stack::until;

type Step = fn(&Request) -> bool;

/// What is written and sent, in this order.
const STEPS: [Step; 5] = [
    Request::claims_a_key,
    Request::writes_an_event,
    Request::sends,
    Request::writes_a_replay,
    Request::writes_an_entitlement,
];

#[tokio::test]
async fn whoever_settles_again_after_a_crash_tells_and_releases_what_was_not_and_no_more() {
    let shop = Shop::open().await;
    for fault in [Fault::KillBefore, Fault::KillAfter] {
        for (place, step) in STEPS.into_iter().enumerate() {
            let college = shop.college(Access::Active).await;
            let receiver = Receiver::content().await;
            let endpoint = college.subscribe(&receiver.url).await;
            let (hears, _) = listener(&college).await;
            let start = now() - LONG;
            shop.give(&college, &[(start, Access::Suspended)]).await;
            hears.requests(1).await;
            let event = college.post_event(&issued("a")).await;
            college.delivery_in(&event, &endpoint, "held").await;

            shop.write(
                &college,
                &[(start, Access::Suspended), (now(), Access::Active)],
            )
            .await;
            let killed = shop.faults.inject(Rule::new(fault, "recovery", step));
            let run = shop
                .stack
                .try_invoke("RecoveryFunction", as_of(jiff::SignedDuration::ZERO));
            // Or it is the run of the schedule that dies, which comes each minute.
            run.await.ok();
            killed.happened(1).await;
            until("it is released", async || {
                shop.settle().await;
                if receiver.count() > 0 {
                    Ok(())
                } else {
                    Err(())
                }
            })
            .await;
            college.delivery_in(&event, &endpoint, "delivered").await;
            assert_eq!(shop.settle().await["access_changed"], 0);
            let all = hears.requests(2).await;
            let to: Vec<String> = all.iter().map(|webhook| told(webhook).1).collect();
            assert_eq!(to, ["SUSPENDED", "ACTIVE"], "{fault:?} {place}");
            assert_eq!(ids(&receiver), [event], "{fault:?} {place}");
        }
    }
}
