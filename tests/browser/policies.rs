//! A county tightens a threshold: one official looks at what it would do and proposes it, another decides.

use crate::{
    app::{World, app},
    chromium::Browser,
    story::accessible,
};

#[tokio::test]
async fn a_change_of_policy_is_looked_at_proposed_and_adopted() {
    let world = World::within(app()).await;
    let browser = Browser::open(1280).await;
    browser.sign_in(&world.admin).await;
    browser.go("/b/policies").await;
    browser.says("资金监管").await;
    accessible(&browser, "the policies").await;
    browser.picture("policies-1280").await;
    browser.go("/b/policies?q=线下").await;
    browser.click(".tbl th a").await;
    browser.says("这个值从哪里来").await;
    browser.fill("#v", "20:00").await;
    browser.fill("#reason", "县教〔2026〕7 号").await;
    browser.click("button[name=do][value=preview]").await;
    browser.says("改了会怎样").await;
    accessible(&browser, "a policy with what a change would do").await;
    browser.picture("policy-1280").await;
    browser.click("button[name=do][value=propose]").await;
    browser.says("已提议，等待同事审批").await;
    browser.close().await;

    for width in [390, 1280] {
        let browser = Browser::open(width).await;
        browser.sign_in(&world.approver).await;
        browser.go("/b/approvals").await;
        browser.click("#pending td a[href^='/b/approvals/']").await;
        browser.says("同意后会变什么").await;
        accessible(&browser, "one approval").await;
        browser.picture(&format!("approval-{width}")).await;
        if width == 1280 {
            browser.click("button[name=decision][value=approve]").await;
            browser.says("已同意").await;
            browser.says(&world.admin.name).await;
        }
        browser.close().await;
    }

    let browser = Browser::open(390).await;
    browser.sign_in(&world.approver).await;
    browser.go("/b/policies/course.offline_end").await;
    browser.says("计划").await;
    accessible(&browser, "a policy on the phone").await;
    browser.picture("policy-390").await;
    browser.close().await;
}
