//! Where a refund went, told late: whatever the order, the split and the repetition of what the bank says, the books say in the end
//! what they would say had it been known from the start (docs/adr/0021).

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::{
    app::{World, app},
    escrow::Bank,
};

const FAMILY: &str = "6217000000000001";
const OWNER: &str = "6230550012030091264";

/// A refund that is approved, and a bank that tells of it.
struct Story {
    world: World,
    bank: Bank,
    order_ref: String,
    pushed: usize,
}

impl Story {
    /// A family paid 4,800.00, as the ledger has it, and all of it is to go back.
    async fn new() -> Story {
        let world = World::new().await;
        let bank = Bank::of(&world);
        let contract = json!({
            "contract_no": "HT-9", "subject": "初中数学", "basis": "units", "pupil": "王小明", "signed_on": "2026-03-16",
            "price_fen": 480_000, "units_bought": 48, "first_lesson_on": "2026-03-20", "last_lesson_on": "2026-06-15"});
        let (status, contract) = world.org.post_json("/contracts", contract).await;
        assert_eq!(status, StatusCode::CREATED, "{contract}");
        let payment = json!({"receipt_no": "SJ-9", "paid_at": "2026-03-16T10:00:00+08:00", "amount_fen": 480_000,
            "channel": "bank_transfer"});
        let path = format!("/contracts/{}/payments", contract["id"]);
        assert_eq!(world.org.post_json(&path, payment).await.0, StatusCode::CREATED);
        let (_, asked) = world.org.post_json(&format!("/contracts/{}/refunds", contract["id"]), json!({})).await;
        let act = format!("/refunds/{}/actions", asked["id"]);
        let approve = json!({"action": "approve", "comment": "已核对付款凭证"});
        let (status, answer) = world.admin.post_json(&act, approve).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
        let order_ref = asked["order_ref"].as_str().unwrap().to_owned();
        Story { world, bank, order_ref, pushed: 0 }
    }

    /// What the bank can say, by a short name.
    fn entry(&self, name: &str) -> Value {
        let paid = |by: Value| {
            json!({"bank_ref": "A1", "booked_on": "2026-03-16", "direction": "credit", "amount_fen": 480_000,
                "counterparty_name": by[0], "counterparty_account": by[1], "remittance": "SJ-9 学费"})
        };
        let refund = |reference: &str, kind: &str, to: Value| {
            json!({"bank_ref": reference, "booked_on": "2026-03-17", "direction": "debit", "amount_fen": 480_000, "kind": kind,
                "counterparty_name": to[0], "counterparty_account": to[1], "remittance": format!("退费 {}", self.order_ref)})
        };
        let (nobody, family, owner) = (json!([null, null]), json!(["王建国", FAMILY]), json!(["陈明", OWNER]));
        match name {
            "others" => {
                json!({"bank_ref": "A2", "booked_on": "2026-03-16", "direction": "credit", "amount_fen": 30_000_000})
            }
            "paid" => paid(family),
            "paid by somebody" => paid(nobody),
            "refund" => refund("B1", "refund", nobody),
            "refund, a fee" => refund("B1", "bank_fee", nobody),
            "refund to the family" => refund("B1", "refund", family),
            "refund to its name" => refund("B1", "refund", json!(["王建国", null])),
            "refund to another of its name" => refund("B1", "refund", json!(["王建国", OWNER])),
            "refund to the owner" => refund("B1", "refund", owner),
            "to the owner, other" => refund("B1", "other", owner),
            "second" => refund("B2", "refund", family),
            name => panic!("{name}"),
        }
    }

    async fn push(&mut self, entries: &[&str]) {
        let entries: Vec<Value> = entries.iter().map(|name| self.entry(name)).collect();
        let body = json!({"account": self.world.account, "entries": entries}).to_string();
        self.pushed += 1;
        let answer =
            self.bank.push(&body, &format!("route-nonce-{}-{:03}", self.world.county, self.pushed), None).await;
        assert_eq!(answer.status(), StatusCode::OK, "{}", answer.text().await.unwrap());
    }

    /// What the books say: the refund, the entries, the warnings that stand, and how often it was told that it went astray.
    async fn books(&self) -> Value {
        let refund = self.world.admin.json("/refunds").await["items"][0].clone();
        let account = self.world.account_id().await;
        let entries = self.world.admin.json(&format!("/escrow/accounts/{account}/entries?limit=100")).await;
        let plain = |text: &Value| text.as_str().map(|text| text.replace(&self.order_ref, "TF"));
        let mut entries: Vec<Value> = entries["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|e| json!([e["bank_ref"], e["kind"], plain(&e["order_ref"]), e["counterparty_account"]]))
            .collect();
        entries.sort_by_key(Value::to_string);
        let warnings = self.world.admin.json("/warnings?limit=50").await;
        let mut warnings: Vec<Value> = warnings["items"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|w| w["status"] != "withdrawn")
            .map(|w| json!([w["kind"], w["level"], w["raised_at"], w["bank_ref"], w["evidence"]["value"]]))
            .collect();
        warnings.sort_by_key(Value::to_string);
        let tenant = self.world.county.number();
        let owed = "SELECT coalesce(sum(refunded_fen), 0)::text FROM owed_days WHERE tenant_id = ";
        let owed = app().run_sql(&format!("{owed}{tenant}")).await;
        let told = "SELECT count(*)::text FROM audit_events WHERE action = 'refund.astray' AND tenant_id = ";
        let told = app().run_sql(&format!("{told}{tenant}")).await;
        json!({"state": refund["state"], "route": refund["route"], "entries": entries, "warnings": warnings, "refunded": owed,
            "astray": told})
    }

    /// The books after these pushes.
    async fn after(pushes: &[&[&str]]) -> Value {
        let mut story = Story::new().await;
        for entries in pushes {
            story.push(entries).await;
        }
        story.books().await
    }
}

/// The same books after each of these; they are given back.
async fn one_truth(ways: &[&[&[&str]]]) -> Value {
    let mut first: Option<Value> = None;
    for way in ways {
        let books = Story::after(way).await;
        let known = first.get_or_insert_with(|| books.clone());
        assert_eq!(*known, books, "{:?} and {way:?}", ways[0]);
    }
    first.unwrap()
}

const BEFORE: &[&str] = &["paid", "others"];

#[tokio::test]
async fn a_refund_whose_recipient_is_told_later_and_did_not_pay_is_judged_as_if_it_had_been_known() {
    let books = one_truth(&[
        &[BEFORE, &["refund to the owner"]],
        &[BEFORE, &["refund"], &["refund to the owner"]],
        &[BEFORE, &["refund"], &["to the owner, other"], &["refund to the owner"], &["refund"]],
        &[BEFORE, &["to the owner, other"], &["refund, a fee"]],
        &[BEFORE, &["refund, a fee"], &["to the owner, other"]],
        &[&["paid", "others", "refund"], &["refund to the owner"]],
        &[&["others"], &["refund"], &["refund to the owner"], &["paid"]],
        &[&["others", "paid by somebody"], &["refund to the owner"], &["paid"]],
        &[&["paid", "others", "refund to the owner"]],
    ])
    .await;
    assert_eq!((&books["state"], &books["route"]), (&json!("approved"), &Value::Null), "{books}");
    assert_eq!((&books["astray"], &books["refunded"]), (&json!("1"), &json!("0")), "{books}");
    assert_eq!(books["entries"][2], json!(["B1", "other", null, "****1264"]), "{books}");
    for kind in ["FUND-WITHDRAW-UNMATCHED", "FUND-UNUSUAL-COUNTERPARTY"] {
        assert!(books["warnings"].to_string().contains(kind), "{kind}: {books}");
    }
}

#[tokio::test]
async fn a_name_that_fits_does_not_outweigh_the_account_that_is_told_later() {
    let another = &["refund to another of its name"];
    let books = one_truth(&[&[BEFORE, another], &[BEFORE, &["refund to its name"], another]]).await;
    assert_eq!((&books["state"], &books["astray"]), (&json!("approved"), &json!("1")), "{books}");
}

#[tokio::test]
async fn a_refund_whose_recipient_is_told_later_and_paid_has_its_way_known() {
    let books = one_truth(&[
        &[BEFORE, &["refund to the family"]],
        &[BEFORE, &["refund"], &["refund to the family"], &["refund"]],
        &[&["paid", "others", "refund to the family"]],
        &[&["others"], &["refund to the family"], &["paid"]],
        &[&["paid by somebody", "others"], &["refund"], &["refund to the family"], &["paid"]],
    ])
    .await;
    assert_eq!((&books["state"], &books["route"]), (&json!("paid"), &json!("original")), "{books}");
    assert_eq!((&books["astray"], &books["refunded"]), (&json!("0"), &json!("480000")), "{books}");
}

#[tokio::test]
async fn what_went_astray_leaves_the_refund_to_the_payment_that_reached_the_family() {
    let books = one_truth(&[
        &[BEFORE, &["refund to the owner"], &["second"]],
        &[BEFORE, &["refund"], &["second"], &["refund to the owner"]],
        &[BEFORE, &["refund"], &["refund to the owner"], &["second"], &["refund to the owner"]],
    ])
    .await;
    assert_eq!((&books["state"], &books["route"]), (&json!("paid"), &json!("original")), "{books}");
    assert_eq!(books["refunded"], json!("480000"), "{books}");
    let b2 = books["entries"][3].clone();
    assert_eq!((&b2[0], &b2[1], &b2[2]), (&json!("B2"), &json!("refund"), &json!("TF")), "{books}");
}
