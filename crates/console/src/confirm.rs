//! Asking before something is done that cannot be taken back: the form again, with what it will do in words.

use crate::answer;
use crate::error::PageError;
use crate::form::Form;
use crate::visitor::Visitor;
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use askama::Template;
use docent_types::page::Frame;

/// The field of a form that says that its sender was asked.
const SURE: &str = "sure";

/// The question.
#[derive(Template, Clone, PartialEq, Eq, Debug)]
#[template(path = "console/confirm.html")]
pub struct ConfirmPage {
    /// The frame.
    pub frame: Frame,
    /// The question, in a few words.
    pub title: String,
    /// What will happen.
    pub message: String,
    /// What the button says.
    pub button: String,
    /// Where the form goes.
    pub action: String,
    /// What it carries.
    pub fields: Vec<(String, String)>,
}

/// What is asked.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// The question, in a few words.
    pub title: &'a str,
    /// What will happen.
    pub message: &'a str,
    /// What the button says.
    pub button: &'a str,
    /// The path that the form was sent to, and where the person is led if they do not want it.
    pub path: &'a str,
}

/// The page that asks, unless the form says that its sender was asked already.
///
/// # Errors
/// [`PageError::Failed`] when the page cannot be rendered.
pub fn unless_sure(form: &Form, visitor: &Visitor, question: Question<'_>) -> Result<Option<HttpResponse>, PageError> {
    if form.text(SURE) == "yes" {
        return Ok(None);
    }
    let page = ConfirmPage {
        frame: visitor.frame.clone(),
        title: question.title.to_owned(),
        message: question.message.to_owned(),
        button: question.button.to_owned(),
        action: question.path.to_owned(),
        fields: form.fields().filter(|(name, _)| !matches!(*name, "csrf" | SURE)).map(|(n, v)| (n.to_owned(), v.to_owned())).collect(),
    };
    answer::html(StatusCode::OK, &page).map(Some)
}

impl ConfirmPage {
    /// One, for tests.
    #[must_use]
    pub fn samples() -> Vec<Self> {
        vec![Self {
            frame: crate::visitor::sample(false),
            title: "Disconnect <b>An app with a very long name that somebody chose</b>?".to_owned(),
            message: "It is refused at once, and has to ask you again.".to_owned(),
            button: "Disconnect".to_owned(),
            action: "/account/apps".to_owned(),
            fields: vec![("grant".to_owned(), "\"><script>".to_owned())],
        }]
    }
}
