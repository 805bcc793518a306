//! What an operator does to people, by the admin API of an api process.

use reqwest::Method;
use serde_json::{Value, json};

use super::World;
use super::person::Person;

impl World {
    /// Makes somebody an administrator of the site.
    pub async fn make_administrator(&self, person: &Person) {
        let path = format!("/v1/admin/people/{}/roles", person.id);
        self.operate(Method::PUT, &path, &json!({"roles": ["administrator"]})).await;
    }

    /// Takes somebody out of the community, for now.
    pub async fn disable(&self, person: &Person) {
        self.operate(Method::POST, &format!("/v1/admin/people/{}/disable", person.id), &json!({})).await;
    }

    /// Lets him in again.
    pub async fn enable(&self, person: &Person) {
        self.operate(Method::POST, &format!("/v1/admin/people/{}/enable", person.id), &json!({})).await;
    }

    async fn operate(&self, method: Method, path: &str, body: &Value) {
        // The apis are started last.
        let url = format!("{}{path}", self.admins.last().expect("an api"));
        let request = self.client.request(method, url).header("content-type", "application/json").body(body.to_string());
        let answer = request.send().await.expect("an answer of the admin API");
        assert_eq!(answer.status(), 204, "{path}: {:?}", answer.text().await);
    }
}
