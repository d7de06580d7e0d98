//! What a public search may ask for.
pub fn tokens(name: &str, address: &str, credit_code: &str) -> Vec<String> {
    let mut out = vec![credit_code.to_owned()];
    for t in [name, address] {
        let c: Vec<char> = t.chars().collect();
        for w in c.windows(2) {
            out.push(w.iter().collect());
        }
    }
    out.sort();
    out.dedup();
    out
}
pub fn query_tokens(q: &str) -> Vec<String> {
    let c: Vec<char> = q.chars().collect();
    if c.len() == 18 {
        return vec![q.to_owned()];
    }
    c.windows(2).map(|w| w.iter().collect()).collect()
}
pub fn latin(_name: &str) -> String {
    String::new()
}
