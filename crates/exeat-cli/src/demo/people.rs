//! The sample users. Who is one of them is public; in a demo anyone may be anyone.

use serde::Serialize;

/// A user of the marketplace.
#[derive(Debug, Serialize)]
pub(super) struct Person {
    /// How the page names the user.
    pub(super) id: &'static str,
    /// Becomes the claim `sub`.
    pub(super) subject: &'static str,
    /// Becomes the claim `name`.
    pub(super) name: &'static str,
    /// Becomes the claim `tenant`.
    pub(super) tenant: &'static str,
    /// Does the API serve this tenant?
    pub(super) served: bool,
    /// What the API knows about the user.
    #[serde(skip)]
    pub(super) points: u32,
}

/// The tenant that the demo's API serves.
pub(super) const SERVED_TENANT: &str = "northwind";

/// Two users of the tenant that the API serves and one of a tenant that it does not.
pub(super) const PEOPLE: [Person; 3] = [
    Person {
        id: "ada",
        subject: "u-1001",
        name: "ada@example.com",
        tenant: SERVED_TENANT,
        served: true,
        points: 1240,
    },
    Person {
        id: "ben",
        subject: "u-1002",
        name: "ben@example.com",
        tenant: SERVED_TENANT,
        served: true,
        points: 310,
    },
    Person {
        id: "cleo",
        subject: "u-2001",
        name: "cleo@example.com",
        tenant: "globex",
        served: false,
        points: 0,
    },
];

/// The user whom the page names so.
pub(super) fn by_id(id: &str) -> Option<&'static Person> {
    PEOPLE.iter().find(|person| person.id == id)
}

/// The points of a verified subject.
pub(super) fn points_of(subject: &str) -> Option<u32> {
    PEOPLE
        .iter()
        .find(|person| person.subject == subject)
        .map(|person| person.points)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_users_belong_to_two_tenants_and_the_api_serves_exactly_one() {
        let tenants: std::collections::BTreeSet<_> =
            PEOPLE.iter().map(|person| person.tenant).collect();
        assert_eq!(tenants.len(), 2);
        for person in &PEOPLE {
            assert_eq!(
                person.served,
                person.tenant == SERVED_TENANT,
                "{}",
                person.id
            );
        }
    }
}
