//! A body has to arrive in time: who sends it byte by byte holds a handler, and the connection after it, only for so long.
//! The head has its own limit.

use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::error::PayloadError;
use actix_web::middleware::Next;
use actix_web::web::Bytes;
use actix_web::{Error, HttpMessage as _};
use futures_util::stream::{self, Stream, StreamExt as _};
use std::cell::RefCell;
use std::io::ErrorKind;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

/// From the head to the last byte of the body. The largest that is read has 64 KB: 2 KB a second are enough.
const LIMIT: Duration = Duration::from_secs(30);

/// Where a body goes that nobody read to its end.
type Rest = Rc<RefCell<Option<Payload>>>;

/// Ends a body that does not arrive in time with an error, and the connection of a body that was not read to its end.
///
/// # Errors
/// Those of the handler.
pub async fn in_time<B: MessageBody + 'static>(mut request: ServiceRequest, next: Next<B>) -> Result<ServiceResponse<Answer>, Error> {
    let rest = Rest::default();
    let payload = match request.take_payload() {
        Payload::None => Payload::None,
        payload => Payload::Stream { payload: within(LIMIT, Body { payload: Some(payload), rest: Rc::clone(&rest) }).boxed_local() },
    };
    request.set_payload(payload);
    let response = next.call(request).await?;
    Ok(response.map_body(|_, body| Answer { body: body.boxed(), _rest: rest }))
}

/// An answer that keeps what was not read of the request until it is sent. The server would read a chunked body that was dropped to
/// its end, however long that is in coming, to use the connection again; while there is somebody to read it, it closes instead.
pub struct Answer {
    body: BoxBody,
    _rest: Rest,
}

impl MessageBody for Answer {
    type Error = Box<dyn std::error::Error>;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, Self::Error>>> {
        Pin::new(&mut self.body).poll_next(context)
    }
}

/// A body that is kept when its reader goes before its end.
struct Body {
    payload: Option<Payload>,
    rest: Rest,
}

impl Stream for Body {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Some(payload) = &mut self.payload else { return Poll::Ready(None) };
        let item = Pin::new(payload).poll_next(context);
        if matches!(item, Poll::Ready(None)) {
            self.payload = None;
        }
        item
    }
}

impl Drop for Body {
    fn drop(&mut self) {
        *self.rest.borrow_mut() = self.payload.take();
    }
}

/// The same bytes, and an error where they end too late. A body that is there already costs no timer.
fn within(
    limit: Duration,
    body: impl Stream<Item = Result<Bytes, PayloadError>> + Unpin,
) -> impl Stream<Item = Result<Bytes, PayloadError>> {
    let too_late = Box::pin(tokio::time::sleep(limit));
    stream::unfold(Some((body, too_late)), |state| async {
        let (mut body, mut too_late) = state?;
        tokio::select! {
            biased;
            item = body.next() => item.map(|item| (item, Some((body, too_late)))),
            () = &mut too_late => {
                tracing::info!("a body did not arrive in time");
                Some((Err(PayloadError::Incomplete(Some(ErrorKind::TimedOut.into()))), None))
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Slowloris: bytes that keep coming do not keep the body open.
    #[tokio::test]
    async fn a_body_that_drips_ends_with_an_error() {
        let drops = Box::pin(stream::unfold((), |()| async {
            tokio::time::sleep(Duration::from_millis(10)).await;
            Some((Ok(Bytes::from_static(b"a")), ()))
        }));
        let read: Vec<Result<Bytes, PayloadError>> = within(Duration::from_millis(100), drops).collect().await;
        assert!(matches!(read.last(), Some(Err(PayloadError::Incomplete(Some(_))))));
    }

    #[tokio::test]
    async fn a_body_that_is_there_is_read_as_it_is() {
        let body = stream::iter([Ok(Bytes::from_static(b"a")), Err(PayloadError::Overflow), Ok(Bytes::from_static(b"b"))]);
        let read: Vec<Result<Bytes, PayloadError>> = within(LIMIT, body).collect().await;
        assert!(matches!(&read[..], [Ok(_), Err(PayloadError::Overflow), Ok(_)]));
    }

    #[tokio::test]
    async fn what_was_not_read_is_kept_and_what_was_read_is_not() {
        for (reads, is_kept) in [(0, true), (1, true), (2, false)] {
            let rest = Rest::default();
            let mut body = Body { payload: Some(Payload::from(Bytes::from_static(b"a"))), rest: Rc::clone(&rest) };
            for _ in 0..reads {
                let _ = body.next().await;
            }
            drop(body);
            assert_eq!(rest.borrow().is_some(), is_kept, "{reads}");
        }
    }
}
