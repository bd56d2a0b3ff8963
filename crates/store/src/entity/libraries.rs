use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "libraries")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub owner: String,
    pub name: String,
    pub title: String,
    pub title_fixed: bool,
    pub description: String,
    pub source_sealed: Vec<u8>,
    pub source_display: String,
    pub project_id: Option<Uuid>,
    pub wanted_version: Option<String>,
    pub rules: String,
    pub created_at: i64,
    pub refresh_every: Option<i64>,
    pub refreshed_at: Option<i64>,
    pub webhook_sealed: Option<Vec<u8>>,
    pub offered_versions: String,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
