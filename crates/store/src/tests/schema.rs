use crate::testing;
use crate::{Store, StoreError, on_each_database};
use sea_orm::ConnectionTrait as _;

on_each_database! {
    async fn an_older_binary_refuses_a_newer_schema(database) {
        let insert = "INSERT INTO seaql_migrations (version, applied_at) VALUES ('m29990101_000001_the_future', 0)";
        database.store.writer().execute_unprepared(insert).await.unwrap();
        let refused = database.store.migrate().await;
        assert_eq!(refused, Err(StoreError::NewerSchema { found: "m29990101_000001_the_future".to_owned() }));
    }

    async fn the_schema_is_brought_up_to_date_twice_without_harm(database) {
        database.store.migrate().await.unwrap();
        database.store.ping().await.unwrap();
        assert_eq!(database.store.count_users().await, Ok(0));
    }
}

async fn eight_at_once(database: &crate::Database) {
    let stores = futures_util::future::join_all((0..8).map(|_| Store::connect(database, 2))).await;
    let stores: Vec<Store> = stores.into_iter().collect::<Result<_, _>>().unwrap();
    for migrated in futures_util::future::join_all(stores.iter().map(Store::migrate)).await {
        assert_eq!(migrated, Ok(()));
    }
    assert_eq!(stores[0].count_users().await, Ok(0));
}

#[actix::test]
async fn eight_processes_that_start_at_once_on_an_empty_sqlite_all_start() {
    let folder = tempfile::tempdir().unwrap();
    eight_at_once(&crate::Database::Sqlite(folder.path().join("a path with ? and % in it.sqlite"))).await;
}

#[actix::test]
async fn eight_processes_that_start_at_once_on_an_empty_postgres_all_start() {
    let empty = testing::empty_postgres();
    eight_at_once(&crate::Database::Postgres(empty.url.clone())).await;
}

#[actix::test]
async fn a_database_that_is_not_there_is_unavailable_and_the_error_does_not_show_the_password() {
    let database = crate::Database::Postgres("postgres://docent:hunter2@127.0.0.1:1/docent".to_owned());
    let error = Store::connect(&database, 1).await.unwrap_err();
    assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
    assert!(!format!("{error:?} {error} {database:?}").contains("hunter2"));
}
