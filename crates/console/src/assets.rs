//! The style sheet and the icons, inside the binary.

use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use actix_web::web::{self, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use sha2::{Digest as _, Sha256};
use std::sync::LazyLock;

/// A file that is served as it is.
struct Asset {
    content_type: &'static str,
    bytes: &'static [u8],
    /// Its entity tag (RFC 9110 8.8.3).
    tag: String,
}

impl Asset {
    fn new(content_type: &'static str, bytes: &'static [u8]) -> Self {
        let digest = Sha256::digest(bytes);
        let tag = digest.iter().take(12).fold(String::new(), |tag, byte| format!("{tag}{byte:02x}"));
        Self { content_type, bytes, tag: format!("\"{tag}\"") }
    }

    fn serve(&self, request: &HttpRequest) -> HttpResponse {
        let known = request.headers().get(IF_NONE_MATCH).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let is_known = known.split(',').any(|tag| tag.trim().trim_start_matches("W/") == self.tag);
        let mut response = if is_known { HttpResponse::NotModified() } else { HttpResponse::Ok() };
        // Short, so that pages of a new release do not stand in an old style for long.
        response
            .insert_header((CACHE_CONTROL, "public, max-age=300"))
            .insert_header((ETAG, self.tag.as_str()))
            .insert_header(("x-content-type-options", "nosniff"));
        if is_known { response.finish() } else { response.insert_header((CONTENT_TYPE, self.content_type)).body(self.bytes) }
    }
}

static STYLE: LazyLock<Asset> = LazyLock::new(|| Asset::new("text/css; charset=utf-8", include_bytes!("../../../templates/docent.css")));
static ICON: LazyLock<Asset> = LazyLock::new(|| Asset::new("image/svg+xml", include_bytes!("../../../templates/icon.svg")));
static FAVICON: LazyLock<Asset> = LazyLock::new(|| Asset::new("image/x-icon", include_bytes!("../../../templates/favicon.ico")));

async fn style(request: HttpRequest) -> HttpResponse {
    STYLE.serve(&request)
}

async fn icon(request: HttpRequest) -> HttpResponse {
    ICON.serve(&request)
}

async fn favicon(request: HttpRequest) -> HttpResponse {
    FAVICON.serve(&request)
}

/// Serves `/assets/docent.css`, `/assets/icon.svg` and `/favicon.ico`.
pub fn assets(cfg: &mut ServiceConfig) {
    cfg.service(web::resource("/assets/docent.css").route(web::get().to(style)).route(web::head().to(style)))
        .service(web::resource("/assets/icon.svg").route(web::get().to(icon)).route(web::head().to(icon)))
        .service(web::resource("/favicon.ico").route(web::get().to(favicon)).route(web::head().to(favicon)));
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::App;
    use actix_web::http::StatusCode;
    use actix_web::test::{TestRequest, call_service, init_service, read_body};

    #[actix_web::test]
    async fn assets_are_served_with_their_type_and_not_again_to_who_has_them() {
        let app = init_service(App::new().configure(assets)).await;
        for (path, content_type) in
            [("/assets/docent.css", "text/css; charset=utf-8"), ("/assets/icon.svg", "image/svg+xml"), ("/favicon.ico", "image/x-icon")]
        {
            let first = call_service(&app, TestRequest::get().uri(path).to_request()).await;
            assert_eq!(first.status(), StatusCode::OK, "{path}");
            assert_eq!(first.headers().get(CONTENT_TYPE).unwrap(), content_type);
            let tag = first.headers().get(ETAG).unwrap().clone();
            let again = TestRequest::get().uri(path).insert_header((IF_NONE_MATCH, tag)).to_request();
            let again = call_service(&app, again).await;
            assert_eq!(again.status(), StatusCode::NOT_MODIFIED, "{path}");
            assert!(read_body(again).await.is_empty());
            let stale = TestRequest::get().uri(path).insert_header((IF_NONE_MATCH, "\"older\"")).to_request();
            assert_eq!(call_service(&app, stale).await.status(), StatusCode::OK);
        }
    }

    #[test]
    fn the_style_sheet_is_small() {
        assert!(STYLE.bytes.len() < 12 * 1024, "{} bytes", STYLE.bytes.len());
    }
}
