//! A person at a browser without scripts: pages, forms, cookies.

use crate::Result;
use crate::http::Answer;
use anyhow::{Context as _, bail, ensure};
use reqwest::cookie::{CookieStore as _, Jar};
use reqwest::header::{ACCEPT, HeaderMap, HeaderValue};
use scraper::{ElementRef, Html, Selector};
use std::sync::Arc;
use std::time::Duration;
use url::Url;

/// Somebody with an account.
#[derive(Clone, Debug)]
pub struct Person {
    /// Their e-mail address.
    pub email: String,
    /// Their password.
    pub password: String,
    issuer: String,
    cookies: Arc<Jar>,
    http: reqwest::Client,
}

/// What they do at the consent page.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Decision<'a> {
    /// Allow, with the project that the page proposes.
    Allow,
    /// Allow, for the project of this name.
    AllowFor(&'a str),
    /// Deny.
    Deny,
}

/// A form of a page.
#[derive(Clone, Debug)]
pub struct Form {
    action: String,
    /// What a browser would send without anybody's doing: hidden, checked, selected.
    fields: Vec<(String, String)>,
    /// The choices of radio buttons and selects: field, value, words.
    choices: Vec<(String, String, String)>,
    buttons: Vec<(String, String)>,
}

fn selector(text: &str) -> Result<Selector> {
    Selector::parse(text).map_err(|error| anyhow::anyhow!("{text}: {error}"))
}

fn text(element: ElementRef<'_>) -> String {
    element.text().collect::<String>().split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The words of a page.
#[must_use]
pub fn visible_text(page: &str) -> String {
    text(Html::parse_document(page).root_element())
}

impl Form {
    /// The first form of a page that has a control of this name.
    ///
    /// # Errors
    /// There is none; the page's words are in the error.
    pub fn with_control(page: &str, name: &str) -> Result<Self> {
        let html = Html::parse_document(page);
        let wanted = selector(&format!("[name=\"{name}\"]"))?;
        let found = html.select(&selector("form")?).find(|form| form.select(&wanted).next().is_some());
        let form = found.with_context(|| format!("no form with a control {name:?} on the page: {}", text(html.root_element())))?;
        ensure!(form.attr("method").is_some_and(|method| method.eq_ignore_ascii_case("post")), "the form is not sent by POST");
        let mut this = Self {
            action: form.attr("action").unwrap_or_default().to_owned(),
            fields: Vec::new(),
            choices: Vec::new(),
            buttons: Vec::new(),
        };
        for control in form.select(&selector("input, select, button")?) {
            let Some(name) = control.attr("name") else { continue };
            let value = control.attr("value").unwrap_or_default();
            match (control.value().name(), control.attr("type").unwrap_or_default()) {
                ("button", _) | ("input", "submit") => this.buttons.push((name.to_owned(), value.to_owned())),
                ("input", "radio") => {
                    let label =
                        control.ancestors().filter_map(ElementRef::wrap).find(|ancestor| ancestor.value().name() == "label").map(text);
                    let by_id = match control.attr("id") {
                        Some(id) => html.select(&selector(&format!("label[for=\"{id}\"]"))?).next().map(text),
                        None => None,
                    };
                    this.choices.push((name.to_owned(), value.to_owned(), label.or(by_id).unwrap_or_default()));
                    if control.attr("checked").is_some() {
                        this.fields.push((name.to_owned(), value.to_owned()));
                    }
                }
                ("input", "checkbox") if control.attr("checked").is_none() => {}
                ("select", _) => {
                    let options: Vec<ElementRef<'_>> = control.select(&selector("option")?).collect();
                    for option in &options {
                        this.choices.push((name.to_owned(), option.attr("value").unwrap_or_default().to_owned(), text(*option)));
                    }
                    let chosen = options.iter().find(|option| option.attr("selected").is_some()).or(options.first());
                    if let Some(option) = chosen {
                        this.fields.push((name.to_owned(), option.attr("value").unwrap_or_default().to_owned()));
                    }
                }
                _ => this.fields.push((name.to_owned(), value.to_owned())),
            }
        }
        Ok(this)
    }

    /// Sets a field.
    pub fn set(&mut self, name: &str, value: &str) {
        self.fields.retain(|(field, _)| field != name);
        self.fields.push((name.to_owned(), value.to_owned()));
    }

    /// What a field would send now.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(field, _)| field == name).map(|(_, value)| value.as_str())
    }

    /// Takes the choice whose words begin so.
    ///
    /// # Errors
    /// There is no such choice.
    pub fn choose(&mut self, name: &str, words: &str) -> Result {
        let found = self.choices.iter().find(|(field, _, label)| field == name && label.starts_with(words)).cloned();
        let (_, value, _) = found.with_context(|| format!("no {name} {words:?} among {:?}", self.choices))?;
        self.set(name, &value);
        Ok(())
    }

    /// The words of a field's choices.
    #[must_use]
    pub fn choices(&self, name: &str) -> Vec<&str> {
        self.choices.iter().filter(|(field, _, _)| field == name).map(|(_, _, label)| label.as_str()).collect()
    }

    /// Presses a button.
    ///
    /// # Errors
    /// There is no such button.
    pub fn press(&mut self, name: &str, value: &str) -> Result {
        ensure!(self.buttons.iter().any(|(button, of)| button == name && of == value), "no button {name}={value} among {:?}", self.buttons);
        self.set(name, value);
        Ok(())
    }
}

impl Person {
    /// Somebody who is not signed in yet.
    ///
    /// # Errors
    /// TLS cannot be set up.
    pub fn new(email: &str, password: &str, issuer: &str) -> Result<Self> {
        let cookies = Arc::new(Jar::default());
        let accept = HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static("text/html,application/xhtml+xml,*/*;q=0.8"))]);
        let http = reqwest::Client::builder()
            .default_headers(accept)
            .redirect(reqwest::redirect::Policy::none())
            .cookie_provider(Arc::clone(&cookies))
            .timeout(Duration::from_secs(60))
            .build()?;
        Ok(Self { email: email.to_owned(), password: password.to_owned(), issuer: issuer.to_owned(), cookies, http })
    }

    /// The cookies that the browser sends to the issuer now, as in the header.
    ///
    /// # Errors
    /// The issuer is no URL.
    pub fn cookies(&self) -> Result<String> {
        let header = self.cookies.cookies(&Url::parse(&self.issuer)?);
        Ok(header.as_ref().and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned())
    }

    /// The same person at another browser.
    ///
    /// # Errors
    /// TLS cannot be set up.
    pub fn elsewhere(&self) -> Result<Self> {
        Self::new(&self.email, &self.password, &self.issuer)
    }

    /// Opens a page, following redirects as long as they stay at the issuer. Returns where it ended.
    ///
    /// # Errors
    /// Nobody answers, or redirects go in a circle.
    pub async fn open(&self, url: &str) -> Result<(Url, Answer)> {
        let url = Url::parse(url)?;
        let answer = Answer::of(self.http.get(url.clone())).await?;
        self.follow(url, answer).await
    }

    /// Sends a form of the page at `url`.
    ///
    /// # Errors
    /// Nobody answers, or redirects go in a circle.
    pub async fn send(&self, url: &Url, form: &Form) -> Result<(Url, Answer)> {
        let target = url.join(&form.action)?;
        let answer = Answer::of(self.http.post(target.clone()).header("origin", &self.issuer).form(&form.fields)).await?;
        self.follow(target, answer).await
    }

    /// As [`Self::send`], from a page of another site.
    ///
    /// # Errors
    /// Nobody answers.
    pub async fn send_from(&self, origin: &str, url: &Url, form: &Form) -> Result<Answer> {
        Answer::of(self.http.post(url.join(&form.action)?).header("origin", origin).form(&form.fields)).await
    }

    async fn follow(&self, mut url: Url, mut answer: Answer) -> Result<(Url, Answer)> {
        for _ in 0..10 {
            if !(300..400).contains(&answer.status) {
                return Ok((url, answer));
            }
            url = url.join(answer.header("location"))?;
            if url.origin() != Url::parse(&self.issuer)?.origin() {
                return Ok((url, answer));
            }
            answer = Answer::of(self.http.get(url.clone())).await?;
        }
        bail!("redirected in a circle, at last to {url}")
    }

    /// Signs in at a page that asks for it; returns the page that they wanted.
    ///
    /// # Errors
    /// The page has no such form, or refuses.
    pub async fn sign_in_at(&self, url: &Url, page: &Answer) -> Result<(Url, Answer)> {
        let mut form = Form::with_control(&page.body, "password")?;
        form.set("email", &self.email);
        form.set("password", &self.password);
        let (url, answer) = self.send(url, &form).await?;
        ensure!(answer.status < 400, "sign-in was refused with {}: {}", answer.status, answer.body);
        Ok((url, answer))
    }

    /// Signs in to the pages.
    ///
    /// # Errors
    /// Sign-in is refused.
    pub async fn sign_in(&self) -> Result {
        let (url, page) = self.open(&format!("{}/sign-in", self.issuer)).await?;
        self.sign_in_at(&url, &page).await.map(drop)
    }

    /// Opens an authorization URL and comes to the consent page, signing in on the way if asked.
    ///
    /// # Errors
    /// There is no consent page at the end; what there is instead is in the error.
    pub async fn come_to_consent(&self, authorization_url: &str) -> Result<(Url, Answer, Form)> {
        let (mut url, mut page) = self.open(authorization_url).await?;
        if page.status == 200 && page.body.contains("name=\"password\"") {
            (url, page) = self.sign_in_at(&url, &page).await?;
        }
        ensure!(page.status == 200, "no consent page but {} at {url}: {}", page.status, page.body);
        let form = Form::with_control(&page.body, "decision")?;
        Ok((url, page, form))
    }

    /// Goes through an authorization to its end; returns the URL to which the client is answered.
    ///
    /// # Errors
    /// It does not end at the client.
    pub async fn authorize(&self, authorization_url: &str, decision: Decision<'_>) -> Result<Url> {
        let (url, _, mut form) = self.come_to_consent(authorization_url).await?;
        if let Decision::AllowFor(project) = decision {
            form.choose("project", project)?;
        }
        form.press("decision", if decision == Decision::Deny { "deny" } else { "allow" })?;
        let (url, answer) = self.send(&url, &form).await?;
        if url.origin() != Url::parse(&self.issuer)?.origin() {
            return Ok(url);
        }
        onward(&answer.body).with_context(|| format!("the consent form was answered with {} at {url}: {}", answer.status, answer.body))
    }
}

/// Where an interstitial page leads.
fn onward(page: &str) -> Result<Url> {
    let html = Html::parse_document(page);
    let (refreshes, links) = (selector("meta[http-equiv=\"refresh\" i]")?, selector("a[href]")?);
    let refresh = html.select(&refreshes).filter_map(|meta| meta.attr("content")?.split_once("url=")).map(|(_, url)| url);
    let links = html.select(&links).filter_map(|link| link.attr("href"));
    let target = refresh.chain(links).find(|url| url.contains("state=")).context("no way onward on the page")?;
    Ok(Url::parse(target)?)
}
