//! API Gateway's choice of a route: an exact path before variables, variables before `{name+}`, `$default` last.

use std::collections::BTreeMap;

use crate::template::Route;

/// The route for a request.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Chosen<'a> {
    /// Its place in the list of routes.
    pub(crate) route: usize,
    /// Its key, such as `POST /events/{id}`.
    pub(crate) key: std::borrow::Cow<'a, str>,
    /// The values of its path variables.
    pub(crate) parameters: BTreeMap<String, String>,
}

/// How well one segment fits; less is better.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fit {
    Exact,
    Variable,
    Greedy,
    Default,
}

/// Chooses among `routes` for a method and a decoded path. A route for the method wins over one for `ANY`.
pub(crate) fn choose<'a>(
    routes: impl Iterator<Item = &'a Route>,
    method: &str,
    path: &str,
) -> Option<Chosen<'a>> {
    let (_, route, chosen, parameters) = routes
        .enumerate()
        .filter(|(_, route)| route.method.as_deref().is_none_or(|own| own == method))
        .filter_map(|(index, route)| {
            let (fit, parameters) = fit(&route.path, path)?;
            Some(((fit, route.method.is_none()), index, route, parameters))
        })
        .min_by(|left, right| left.0.cmp(&right.0))?;
    Some(Chosen {
        route,
        key: key(chosen).into(),
        parameters,
    })
}

/// A route's key in API Gateway's words.
pub(crate) fn key(route: &Route) -> String {
    match (&route.method, route.path.as_str()) {
        (None, "$default") => "$default".to_owned(),
        (method, path) => format!("{} {path}", method.as_deref().unwrap_or("ANY")),
    }
}

fn fit(pattern: &str, path: &str) -> Option<(Vec<Fit>, BTreeMap<String, String>)> {
    if pattern == "$default" {
        return Some((vec![Fit::Default], BTreeMap::new()));
    }
    let mut fits = Vec::new();
    let mut parameters = BTreeMap::new();
    let mut rest = Some(path.strip_prefix('/').unwrap_or(path));
    for part in pattern.split('/').skip(1) {
        let remaining = rest?;
        let name = part
            .strip_prefix('{')
            .and_then(|part| part.strip_suffix('}'));
        let (segment, after) = match remaining.split_once('/') {
            Some((segment, after)) => (segment, Some(after)),
            None => (remaining, None),
        };
        match name {
            Some(name) => match name.strip_suffix('+') {
                Some(name) if !remaining.is_empty() => {
                    parameters.insert(name.to_owned(), remaining.to_owned());
                    fits.push(Fit::Greedy);
                    return Some((fits, parameters));
                }
                None if !segment.is_empty() => {
                    parameters.insert(name.to_owned(), segment.to_owned());
                    fits.push(Fit::Variable);
                }
                _ => return None,
            },
            None if part == segment => fits.push(Fit::Exact),
            None => return None,
        }
        rest = after;
    }
    rest.is_none().then_some((fits, parameters))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::route;

    #[track_caller]
    fn check(request: &str, expected: Option<&str>) {
        let routes = [
            "POST /api/v1/events",
            "ANY /api/v1/{proxy+}",
            "GET /api/v1/events/{id}",
            "POST /api/v1/events/batch",
            "ANY /api/v1/events/batch",
        ]
        .map(route);
        let (method, path) = request.split_once(' ').unwrap();
        let chosen = choose(routes.iter(), method, path);
        assert_eq!(
            chosen.map(|chosen| chosen.key.into_owned()).as_deref(),
            expected,
            "{request}"
        );
    }

    #[test]
    fn a_greedy_route_yields_to_an_exact_one() {
        check("POST /api/v1/events", Some("POST /api/v1/events"));
        check("GET /api/v1/events", Some("ANY /api/v1/{proxy+}"));
        check("GET /api/v1/events/evt_1", Some("GET /api/v1/events/{id}"));
        check(
            "GET /api/v1/events/evt_1/deliveries",
            Some("ANY /api/v1/{proxy+}"),
        );
        check("POST /api/v1/events/evt_1", Some("ANY /api/v1/{proxy+}"));
    }

    #[test]
    fn a_route_for_the_method_wins_over_any() {
        check(
            "POST /api/v1/events/batch",
            Some("POST /api/v1/events/batch"),
        );
        check("GET /api/v1/events/batch", Some("ANY /api/v1/events/batch"));
    }

    #[test]
    fn a_greedy_variable_needs_at_least_one_segment() {
        check("GET /api/v1", None);
        check("GET /api/v1/", None);
        check("GET /other", None);
    }

    #[test]
    fn variables_are_captured_and_the_default_route_catches_the_rest() {
        let routes = ["GET /a/{id}/{rest+}", "ANY $default"].map(route);
        let chosen = choose(routes.iter(), "GET", "/a/1/b/c").unwrap();
        let expected =
            [("id", "1"), ("rest", "b/c")].map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(chosen.parameters, BTreeMap::from(expected));
        assert_eq!(choose(routes.iter(), "PUT", "/x").unwrap().key, "$default");
    }
}
