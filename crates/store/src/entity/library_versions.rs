use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "library_versions")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub library_id: Uuid,
    pub version: Option<String>,
    pub version_key: String,
    pub artefact: String,
    pub source_commit: Option<String>,
    pub pages: i64,
    pub snippets: i64,
    pub tokens: i64,
    pub skipped: String,
    pub created_at: i64,
    pub indexed_at: i64,
    pub seen_at: Option<i64>,
    pub format: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
